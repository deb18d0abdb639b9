"""A checkpoint is whole or it does not count."""

import json
import os

import pytest
import torch

from idm.core.errors import CheckpointError
from idm.storage import Retention, latest_checkpoint, open_checkpoint, save_checkpoint
from idm.storage.manifest import damage


def save(run, step, **options):
    tensors = {"network": {"w": torch.full((3, 2), float(step)), "n": torch.tensor(step)}, "empty": {}}
    return save_checkpoint(run, step, tensors=tensors, documents={"training": {"step": step, "words": "é"}}, **options)


def names(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_what_was_saved_is_read_back(tmp_path):
    checkpoint = save(tmp_path, 7)
    assert checkpoint.step == 7
    assert torch.equal(checkpoint.tensors("network")["w"], torch.full((3, 2), 7.0))
    assert checkpoint.tensors("network")["n"].item() == 7
    assert checkpoint.tensors("empty") == {}
    assert checkpoint.document("training") == {"step": 7, "words": "é"}
    assert damage(checkpoint.path) == ""


def test_the_newest_is_found_and_the_oldest_are_dropped(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    for step in (1, 2, 10, 3):
        save(tmp_path, step, keep=Retention(2))
    assert names(tmp_path) == ["step-00000003", "step-00000010"]
    assert latest_checkpoint(tmp_path).step == 10
    assert open_checkpoint(tmp_path).step == 10
    assert open_checkpoint(tmp_path / "checkpoints" / "step-00000003").step == 3


FILES = ["network.safetensors", "training.json", "manifest.json"]


@pytest.mark.parametrize("file", FILES)
def test_every_flipped_bit_is_noticed(tmp_path, file):
    save(tmp_path, 1)
    path = save(tmp_path, 2).path / file
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        found = latest_checkpoint(tmp_path)
        # Another way to write the manifest that means the same is no damage.
        assert found.step == 1 or (file == "manifest.json" and json.loads(flipped) == json.loads(whole))
    path.write_bytes(whole)
    assert latest_checkpoint(tmp_path).step == 2


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("harm", ["truncate", "empty", "remove", "swap"])
def test_every_harm_to_a_file_is_noticed(tmp_path, file, harm):
    older, path = save(tmp_path, 1).path, save(tmp_path, 2).path / file
    content = {"truncate": path.read_bytes()[:-2], "empty": b"", "swap": (older / file).read_bytes()}.get(harm)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert latest_checkpoint(tmp_path).step == 1
    with pytest.raises(CheckpointError, match=r"damaged|no checkpoint"):
        open_checkpoint(path.parent)


def test_a_manifest_that_is_no_manifest(tmp_path):
    path = save(tmp_path, 2).path / "manifest.json"
    for text in ("[]", "{}", '{"files": 3}', '{"files": {"x": null}}', "null", "{"):
        path.write_text(text)
        assert damage(path.parent)


def test_nothing_there(tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        open_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match="it holds no checkpoint"):
        open_checkpoint(tmp_path)


def test_other_folders_are_no_checkpoints(tmp_path):
    save(tmp_path, 1)
    (tmp_path / "checkpoints" / "step-99").mkdir()
    (tmp_path / "checkpoints" / "step-00000005-copy").mkdir()
    assert latest_checkpoint(tmp_path).step == 1


@pytest.mark.parametrize("call", ["fsync", "rename", "open"])
def test_a_refusing_disk_leaves_the_old_checkpoints_as_they_were(tmp_path, monkeypatch, call):
    save(tmp_path, 1)

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    place = {"fsync": (os, "fsync"), "rename": (type(tmp_path), "rename"), "open": (type(tmp_path), "open")}[call]
    with monkeypatch.context() as patch:
        patch.setattr(*place, refuse)
        with pytest.raises(CheckpointError, match="No space left on device"):
            save(tmp_path, 2)
    assert names(tmp_path) == ["step-00000001"]
    assert latest_checkpoint(tmp_path).step == 1
    assert save(tmp_path, 2).step == 2


def test_a_crash_while_writing_leaves_the_old_checkpoint_and_no_rubbish(tmp_path, monkeypatch):
    save(tmp_path, 1)

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "rename", die)
        with pytest.raises(Killed):
            save(tmp_path, 2)
    assert latest_checkpoint(tmp_path).step == 1
    save(tmp_path, 3)
    assert names(tmp_path) == ["step-00000001", "step-00000003"]


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path):
    save(tmp_path, 1)
    assert save(tmp_path, 1).step == 1
    assert names(tmp_path) == ["step-00000001"]


def test_missing_parts_are_named(tmp_path):
    checkpoint = save(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"cannot read optimizer\.safetensors"):
        checkpoint.tensors("optimizer")
    with pytest.raises(CheckpointError, match=r"cannot read data\.json"):
        checkpoint.document("data")


def test_everybody_may_read_what_the_umask_lets_them(tmp_path):
    old = os.umask(0o022)
    try:
        path = save(tmp_path, 1).path
    finally:
        os.umask(old)
    assert {oct(file.stat().st_mode & 0o777) for file in path.iterdir()} == {"0o644"}


def test_one_line_says_which_checkpoint_is_damaged_and_which_is_used(tmp_path, capsys):
    save(tmp_path, 1)
    path = save(tmp_path, 2).path
    assert latest_checkpoint(tmp_path).step == 2
    assert capsys.readouterr().err == ""
    (path / "training.json").write_text("{}")
    assert latest_checkpoint(tmp_path).step == 1
    assert open_checkpoint(tmp_path).step == 1
    (line,) = capsys.readouterr().err.splitlines()  # once, though it was looked for twice
    assert line.startswith("warning: ")
    assert "step-00000002 (training.json is not what was written: 2 bytes, not " in line
    assert "the older step-00000001 is used" in line
