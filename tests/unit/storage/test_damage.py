"""Damaged and hostile checkpoints: noticed, refused, and never run."""

import ast
import json
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

import pytest
import torch

import idm
from idm.core.errors import CheckpointError
from idm.storage import Checkpoint, latest_checkpoint, open_checkpoint, save_checkpoint
from idm.storage.manifest import as_text, damage, make_manifest
from idm.storage.newest import checkpoint_to_continue
from idm.training import verify_run

from ...hostile import PROMISE, Canary, cheap

PAGE = 4096


def save(run, step):
    generator = torch.Generator().manual_seed(step)
    tensors = {name: {"w": torch.randn(3000, generator=generator)} for name in ("network", "optimizer")}
    documents = {"training": {"step": step}, "data": {"names": [f"{step}-{i}" for i in range(200)]}}
    return save_checkpoint(run, step, tensors=tensors, documents=documents)


def flip_a_bit(content, other, rng):
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def zero_a_page(content, other, rng):
    start = rng.randrange(0, len(content), PAGE)
    page = content[start : start + PAGE]
    return content[:start] + bytes(len(page)) + content[start + PAGE :]


def cut_off(content, other, rng):
    return content[: rng.randrange(len(content))]


def swap(content, other, rng):
    return other


DAMAGES = [flip_a_bit, zero_a_page, cut_off, swap]


def test_every_damage_is_noticed_and_the_newest_intact_one_is_used(tmp_path, prove, record):
    older, newer = save(tmp_path, 1).path, save(tmp_path, 2).path
    whole = {path: path.read_bytes() for path in newer.iterdir()}
    rng, noticed, total = random.Random(0), 0, 1000 if prove else 100
    for number in range(total):
        path = rng.choice(sorted(whole))
        path.write_bytes(DAMAGES[number % len(DAMAGES)](whole[path], (older / path.name).read_bytes(), rng))
        noticed += bool(damage(newer)) and latest_checkpoint(tmp_path).step == 1 and open_checkpoint(tmp_path).step == 1
        path.write_bytes(whole[path])
    assert noticed == total
    record("damaged checkpoints: noticed, the newest intact one used", f"{noticed:,} of {total:,}")
    assert latest_checkpoint(tmp_path).step == 2


def test_where_nothing_is_intact_nothing_is_begun_and_nothing_touched(tmp_path):
    for step in (1, 2):
        path = save(tmp_path, step).path / "network.safetensors"
        path.write_bytes(flip_a_bit(path.read_bytes(), None, random.Random(step)))
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    with pytest.raises(CheckpointError, match="every checkpoint is damaged") as error:
        checkpoint_to_continue(tmp_path)
    assert len(error.value.lines) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()} == before
    assert checkpoint_to_continue(tmp_path / "new") is None


def test_a_document_too_large_to_be_read_again_is_not_written(tmp_path):
    with pytest.raises(CheckpointError, match="too many classes, or too long names"):
        save_checkpoint(tmp_path, 1, tensors={}, documents={"data": {"names": ["x" * 100] * 50_000}})
    assert list((tmp_path / "checkpoints").iterdir()) == []


def header(text, length=None, data=b""):
    """A safetensors file of that header."""
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def tensor(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def zipped(content):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)

    return write


FOUR = bytes(4)
TENSOR_FILES = {
    "nothing": b"",
    "short": b"\x01\x02",
    "length beyond file": header("{}", 10_000),
    "length of 100 MB": header("{}", 100 * 2**20),
    "length of 2**63": header("{}", 2**63),
    "length of 2**64 - 1": header("{}", 2**64 - 1),
    "length 0": header("", 0),
    "no json": header("{" * 10),
    "deep json": header('{"a":' * 50_000 + "1" + "}" * 50_000),
    "a list": header("[]"),
    "not utf-8": header(b'{"\xff\xfe": 1}'),
    "negative offset": header(json.dumps({"w": tensor(offsets=(-4, 0))}), data=FOUR),
    "offsets in reverse": header(json.dumps({"w": tensor(offsets=(4, 0))}), data=FOUR),
    "offset beyond file": header(json.dumps({"w": tensor(shape=(100,), offsets=(0, 400))}), data=FOUR),
    "overlap": header(json.dumps({"v": tensor(), "w": tensor()}), data=FOUR),
    "hole": header(json.dumps({"w": tensor(offsets=(4, 8))}), data=FOUR * 2),
    "rest": header(json.dumps({"w": tensor()}), data=FOUR * 2),
    "shape overflow": header(json.dumps({"w": tensor(shape=(2**62, 2**62))}), data=FOUR),
    "shape and size differ": header(json.dumps({"w": tensor(shape=(3,))}), data=FOUR),
    "negative shape": header(json.dumps({"w": tensor(shape=(-1,))}), data=FOUR),
    "unknown dtype": header(json.dumps({"w": tensor(dtype="object")}), data=FOUR),
    "one name twice": header(
        f'{{"w": {json.dumps(tensor())}, "w": {json.dumps(tensor(offsets=(4, 8)))}}}', data=FOUR * 2
    ),
    "one field twice": header('{"w":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', data=FOUR),
    "metadata that are no text": header(json.dumps({"__metadata__": [1], "w": tensor()}), data=FOUR),
    "fraction of a shape": header('{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}', data=FOUR),
    "numpy": b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(118),
}
JSON_FILES = {
    "nothing": b"",
    "deep list": b"[" * 1_000_000,
    "deep object": b'{"a":' * 500_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "50 MB string": b'{"a": "' + b"x" * (50 * 2**20) + b'"}',
    "many lists": b"[" + b"[]," * 20_000_000 + b"[]]",
    "long number": b'{"a": ' + b"9" * 1_000_000 + b"}",
    "not utf-8": b'{"\xff": 1}',
    "no object": b"[1, 2]",
    "a number": b"1e308",
    "two values": b"{} {}",
    "a nul": b'{"a": 1}\x00',
}


def pickles(canary):
    whole = pickle.dumps(Canary(canary))
    return {
        "pickle": whole,
        "old pickle": pickle.dumps(Canary(canary), protocol=0),
        "pickle of a dictionary": pickle.dumps({"w": Canary(canary)}),
        "zip": zipped(whole),
        "torch": lambda path: torch.save({"w": Canary(canary)}, path),
        "old torch": lambda path: torch.save({"w": Canary(canary)}, path, _use_new_zipfile_serialization=False),
        "header and pickle": header(json.dumps({"w": tensor(shape=(len(whole),), dtype="U9")}), data=whole),
    }


def put(file, content):
    """Write content in place of a file, with a manifest that fits."""
    if callable(content):
        content(file)
    else:
        file.write_bytes(content)
    (file.parent / "manifest.json").unlink()
    (file.parent / "manifest.json").write_text(as_text(make_manifest(file.parent, 2, None)))


def refused(read):
    try:
        read()
    except CheckpointError:
        return True
    return False


@pytest.fixture
def newer(tmp_path):
    save(tmp_path, 1)
    return save(tmp_path, 2).path


@pytest.mark.parametrize("kind", [*TENSOR_FILES, *pickles(Path("none"))])
def test_hostile_tensors_are_refused_and_run_nothing(newer, tmp_path, kind, record):
    canary = tmp_path / "canary"
    put(newer / "network.safetensors", (TENSOR_FILES | pickles(canary))[kind])
    checkpoint = open_checkpoint(newer)
    assert cheap(lambda: refused(lambda: checkpoint.tensors("network")))
    assert cheap(lambda: verify_run(newer)[0].problems)
    assert not canary.exists()
    record(PROMISE, 1)


@pytest.mark.parametrize("kind", JSON_FILES)
def test_hostile_documents_are_refused(newer, kind, record):
    put(newer / "training.json", JSON_FILES[kind])
    checkpoint = open_checkpoint(newer)
    assert cheap(lambda: refused(lambda: checkpoint.document("training")))
    record(PROMISE, 1)


@pytest.mark.parametrize("kind", JSON_FILES)
def test_hostile_manifests_are_refused(newer, tmp_path, kind, record):
    (newer / "manifest.json").write_bytes(JSON_FILES[kind])
    assert cheap(lambda: damage(newer))
    assert latest_checkpoint(tmp_path).step == 1
    record(PROMISE, 1)


@pytest.mark.parametrize(
    "name", ["../../secret", "/etc/passwd", "a/b", "..", ".", "", "a\x00b", "C:\\x", "a" * 300, "ü", "x\n", ".hidden"]
)
def test_a_manifest_names_no_file_elsewhere(newer, name):
    (newer / "manifest.json").write_text(as_text({"files": {name: {"size": 0, "sha256": ""}}}))
    assert "names a file" in damage(newer)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(newer):
    for name in ("network.safetensors", "manifest.json"):
        (newer / name).unlink()
        os.mkfifo(newer / name)
        assert "no regular file" in cheap(lambda: damage(newer))
        assert cheap(lambda: verify_run(newer)[0].problems)


def test_a_checkpoint_of_another_name_is_noticed(newer, tmp_path):
    newer.rename(newer.with_name("step-00000009"))
    assert "step 2" in damage(tmp_path / "checkpoints" / "step-00000009")
    assert latest_checkpoint(tmp_path).step == 1


DANGEROUS = {("torch", "load"), ("pickle", "load"), ("pickle", "loads"), ("marshal", "loads"), ("yaml", "load")}
DANGEROUS_MODULES = {"pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


def test_one_place_at_most_reads_a_pickle():
    places = []
    for path in Path(idm.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                places += [path.name] * ((node.value.id, node.attr) in DANGEROUS)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", path
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not DANGEROUS_MODULES & names or path.name == "weights.py", path  # for the name of an error
                assert "load" not in names or getattr(node, "module", "") != "torch", path
    assert places in ([], ["weights.py"])


@pytest.mark.parametrize("inside", ["[" * 900 + "]" * 900, "[" * 900 + "1," * 100_000 + "1" + "]" * 900])
@pytest.mark.parametrize("name", ["manifest.json", "training.json"])
def test_documents_that_are_deep_are_refused_before_they_are_written_anew(tmp_path, name, inside):
    path = save(tmp_path, 1).path
    (path / name).write_text(f'{{"files": {inside}}}')
    if name == "manifest.json":
        assert "nested too deeply" in cheap(lambda: damage(path))
    else:
        with pytest.raises(CheckpointError, match="nested too deeply"):
            cheap(lambda: Checkpoint(path).document("training"))


def test_a_manifest_of_megabytes_is_refused(tmp_path):
    path = save(tmp_path, 1).path
    (path / "manifest.json").write_text('{"files": [' + "1," * 2_000_000 + "1]}")
    assert "larger than" in cheap(lambda: damage(path))
