"""Folders for results from the command line: what is in them already, links, two commands at once, no room."""

import hashlib
import json
import os
import shlex
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from idm.storage.lock import locked
from idm.storage.record import RECORD

from ..hostile import cheap

FEW = ["--num", "2", "--steps", "2", "--no-trajectory"]


@pytest.fixture(scope="module")
def latents(run, idm, tmp_path_factory):
    path = tmp_path_factory.mktemp("latents") / "l.safetensors"
    assert idm("encode", run, "held-out:0-1", "--steps", 2, "--out", path).code == 0
    return path


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


@pytest.fixture(scope="module")
def commands(run, latents, tmp_path_factory):
    """Every verb that writes results, without its --out, and a name of a file that it writes there."""
    data = tmp_path_factory.mktemp("data") / "d.npy"
    np.save(data, np.random.default_rng(0).normal(size=(20, 2)))
    return {
        "sample": (["sample", run, *FEW], "grid.png"),
        "decode": (["decode", run, latents], "images/00000.png"),
        "interpolate": (["interpolate", run, "held-out:0", "held-out:1", "--num", 2, "--steps", 2], "samples.npz"),
        "edit": (["edit", run, "held-out:0", "--steps", 2], "restored/held-out-0-00.png"),
        "evaluate": (["evaluate", run, "--num", 2, "--steps", 2], "evaluation.json"),
        "compare": (["compare", run, run, "--num", 2, "--steps", 2], "comparison.json"),
        "tradeoff": (["tradeoff", run, "--calls", 1, "--samples", 30, "--num", 2], "tradeoff.json"),
        "check-data": (["check-data", data], "page.html"),
        "check-math": (["check-math", "--quick"], "math.json"),
        "bench": (["bench", "--only", "forward", "--sizes", "tiny", "--rounds", 2], "results.json"),
        "demo": (["demo"], "report.html"),
        "train": (["train", "--preset", "digits"], "experiment.yaml"),
    }


VERBS = [
    *(
        "sample",
        "decode",
        "interpolate",
        "edit",
        "evaluate",
        "compare",
        "tradeoff",
        "check-data",
        "check-math",
        "bench",
        "demo",
        "train",
    ),
]


def everything(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_of_somebody_elses_is_refused_before_any_work(idm, commands, tmp_path, verb):
    arguments, name = commands[verb]
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = idm(*arguments, "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == ((4 if verb == "train" else 2), 1), result.err
    assert name in result.errors[0]
    assert everything(tmp_path / "out") == {name: b"mine"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_link_in_place_of_a_file_is_refused_and_not_followed(idm, commands, tmp_path, verb):
    arguments, name = commands[verb]
    link = tmp_path / "out" / name
    link.parent.mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    link.symlink_to(tmp_path / "precious")
    result = idm(*arguments, "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (4, 1), result.err
    assert "got a link, which is not followed" in result.errors[0]
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a place where nobody can write")
def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(idm, commands, verb):
    result = idm(*commands[verb][0], "--out", "/proc/out")
    assert (result.code, len(result.err.splitlines())) == (4, 1), result.err
    assert "/proc/out: a folder that can be written to wanted" in result.errors[0]


@pytest.mark.parametrize("verb", ["sample", "decode", "interpolate", "evaluate", "check-data", "bench", "demo"])
def test_a_second_command_in_the_folder_is_refused(idm, commands, tmp_path, verb):
    with locked(tmp_path / "out", ".results.lock"):
        result = idm(*commands[verb][0], "--out", tmp_path / "out")
    assert (result.code, len(result.errors)) == (4, 1), result.err
    assert "a folder that nothing else works in wanted" in result.errors[0]
    assert list((tmp_path / "out").iterdir()) == []


def test_of_two_commands_at_once_one_is_refused_or_both_are_whole(idm, run, tmp_path):
    codes = {}

    def draw(num, seed):
        from idm.cli import main

        codes[num] = main([str(word) for word in ["sample", run, *FEW[2:], "--num", num, "--seed", seed, "--out", out]])

    out = tmp_path / "out"
    threads = [threading.Thread(target=draw, args=args) for args in ((3, 0), (2, 100))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes.values()) in ({0}, {0, 4})
    with np.load(out / "samples.npz") as arrays:
        num = len(arrays["data"])
    assert codes[num] == 0
    assert sorted(path.name for path in (out / "images").iterdir()) == [f"{i:05d}.png" for i in range(num)]
    assert not list(out.glob(".*lock*"))


def test_a_second_sampling_says_what_it_replaces(idm, copy):
    assert "replaces" not in idm("sample", copy, *FEW, "--num", 3).out
    result = idm("sample", copy, *FEW, "--seed", 9)
    newest = copy / "checkpoints" / "step-00000120"
    assert f"replaces 3 samples from {newest}, seed 0, in {copy / 'sampled'}" in result.out.splitlines()
    assert sorted(everything(copy / "sampled")) == sorted(
        [RECORD, "grid.png", "images/00000.png", "images/00001.png", "samples.npz"]
    )


@pytest.mark.parametrize(("verb", "others"), [("sample", ["samples.npz", "images/00000.png"]), ("evaluate", [])])
def test_results_whose_record_is_gone_are_somebody_elses(idm, run, tmp_path, commands, verb, others):
    """What looks like results may be anybody's."""
    arguments, name = commands[verb]
    assert idm(*arguments, "--out", tmp_path).code == 0
    (tmp_path / RECORD).unlink()
    before = everything(tmp_path)
    assert before.keys() >= {name, *others}
    result = idm(*arguments, "--out", tmp_path)
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert everything(tmp_path) == before


def test_a_forged_record_lets_nothing_else_be_removed(idm, run, tmp_path):
    """A stranger's folder may name any file of the user's in it, and even know its content."""
    (tmp_path / "letter.txt").write_text("mine")
    entry = [4, hashlib.sha256(b"mine").hexdigest()]
    rows = [{"what": "3 samples"}, ["letter.txt", [entry]], ["images/letter.png", [entry]]]
    (tmp_path / RECORD).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "letter.png").write_text("mine")
    result = idm("sample", run, *FEW, "--out", tmp_path)
    assert (result.code, "replaces" in result.out) == (0, False)
    assert {path.name for path in tmp_path.rglob("letter.*")} == {"letter.txt", "letter.png"}


def test_latents_replace_latents_and_nothing_else(idm, run, latents, tmp_path):
    mine = tmp_path / "mine.safetensors"
    mine.write_text("mine")
    result = idm("encode", run, "held-out:0", "--steps", 2, "--out", mine)
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert mine.read_text() == "mine"
    shutil.copy(latents, tmp_path / "l.safetensors")
    assert idm("encode", run, "held-out:0", "--steps", 2, "--out", tmp_path / "l.safetensors").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.safetensors", "mine.safetensors"]


def test_latents_that_cannot_be_written_are_refused_before_any_work(idm, run, tmp_path):
    (tmp_path / "file").touch()
    result = idm("encode", run, "held-out:0", "--out", "/proc/l.safetensors")
    assert (result.code, len(result.err.splitlines())) == (4, 1), result.err


def test_a_pipe_is_no_place_for_latents(idm, run, tmp_path):
    os.mkfifo(tmp_path / "l.safetensors")
    result = cheap(lambda: idm("encode", run, "held-out:0", "--steps", 2, "--out", tmp_path / "l.safetensors"))
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err


INSIDE = ["sampled", "sampled/grid.png", "sampled/images", "sampled/.parts-drawn", "sampled/.results.json"]


@pytest.mark.parametrize("name", INSIDE)
def test_links_in_the_run_are_not_followed_by_sampling(idm, copy, tmp_path, name):
    there = tmp_path / "there"
    there.mkdir()
    (there / "part-000000.safetensors").write_text("precious")
    (there / "request.json").write_text("precious")
    (there / "00000.png").write_text("precious")
    before = everything(there)
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).symlink_to(there if "." not in name.strip("/").rsplit("/")[-1][1:] else there / "request.json")
    result = idm("sample", copy, *FEW, "--batch-size", 1)
    assert (result.code, len(result.errors)) == (4, 1), result.err
    assert everything(there) == before


TRAINED = [
    ".lock",
    "metrics.jsonl",
    "events.jsonl",
    "experiment.yaml",
    "micro_batch.json",
    "checkpoints",
    "averages",
    "samples",
]


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_links_and_pipes_in_the_run_are_refused_by_training(idm, copy, tmp_path, name, kind):
    there = tmp_path / "there"
    if (copy / name).is_dir():
        (copy / name).rename(there)
    else:
        there.write_text("precious")
        (copy / name).unlink(missing_ok=True)
    before = everything(tmp_path / "there") if there.is_dir() else there.read_bytes()
    if kind == "link":
        (copy / name).symlink_to(there)
    else:
        os.mkfifo(copy / name)
    result = idm("train", "--out", copy, "--set", "training.num_steps=122")
    assert (result.code, len(result.errors)) == (4, 1), result.err
    assert name in result.errors[0]
    assert (everything(there) if there.is_dir() else there.read_bytes()) == before


def test_the_run_itself_may_be_a_link(idm, copy, tmp_path):
    (tmp_path / "link").symlink_to(copy)
    assert idm("train", "--out", tmp_path / "link", "--set", "training.num_steps=121").code == 0
    assert idm("sample", tmp_path / "link", *FEW).code == 0
    assert (copy / "checkpoints" / "step-00000121").is_dir()
    assert (copy / "sampled" / "grid.png").is_file()


def test_training_leaves_a_copy_of_the_run_by_hard_links_as_it_is(idm, copy, tmp_path):
    shutil.copytree(copy, tmp_path / "backup", copy_function=os.link)
    before = everything(tmp_path / "backup")
    assert idm("train", "--out", copy, "--set", "training.num_steps=122").code == 0
    assert everything(tmp_path / "backup") == before
    assert len(json.loads((copy / "metrics.jsonl").read_text().splitlines()[-1])) > 1


def test_a_run_that_has_no_checkpoint_yet_is_begun_anew(idm, tiny, tmp_path):
    arguments = ["train", "--preset", "digits", "--out", tmp_path, *tiny(training__num_steps=1)]
    assert idm(*arguments).code == 0
    shutil.rmtree(tmp_path / "checkpoints")
    assert idm(*arguments).code == 0


OWN = ["averages/step-00000003/a", "averages/.step-notes", "samples/step-000001.png", "checkpoints/.step-by-step"]


@pytest.mark.parametrize("name", OWN)
def test_a_folder_with_what_training_would_replace_is_no_folder_for_a_run(idm, tiny, tmp_path, name):
    own = tmp_path / "out" / name
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    result = idm("train", "--preset", "digits", "--out", tmp_path / "out", *tiny(training__num_steps=1))
    assert (result.code, len(result.errors)) == (4, 1), result.err
    assert everything(tmp_path / "out") == {name: b"mine"}


def test_what_is_not_called_as_training_calls_its_files_stays_in_a_run(idm, tiny, tmp_path):
    own = [".thesis.partial", "averages.txt", "samples/mine.png", "averages/.stepping", "checkpoints/notes"]
    for name in own:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    for num_steps in (1, 2):
        options = tiny(training__num_steps=num_steps)
        assert idm("train", "--preset", "digits", "--out", tmp_path, *options).code == 0
        for name in ("averages/.step-by-step", "checkpoints/.step-00000001"):
            own.append(name)
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("mine")
    assert [name for name in own if not (tmp_path / name).is_file()] == []


def test_settings_of_megabytes_in_the_folder_are_not_read(idm, tiny, tmp_path):
    (tmp_path / "experiment.yaml").write_text("data: {}\n" + "# a line\n" * 400_000)
    arguments = ["train", "--preset", "digits", "--out", tmp_path, *tiny()]
    assert cheap(lambda: idm(*arguments)).code == 4


def test_commands_to_copy_are_quoted(idm, run, tmp_path):
    odd = tmp_path / "a run's"
    (tmp_path / "link").symlink_to(run)
    odd.symlink_to(run)
    result = idm("encode", odd, "held-out:0", "--steps", 2, "--out", tmp_path / "my latents.safetensors")
    line = result.out.splitlines()[-1].removeprefix("Next: ")
    assert shlex.split(line) == ["idm", "decode", str(odd), str(tmp_path / "my latents.safetensors")]
