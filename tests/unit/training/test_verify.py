"""What the check of a run finds."""

import json

import pytest
import torch

from idm.core.errors import CheckpointError
from idm.storage import save_checkpoint
from idm.storage.manifest import as_text, damage, make_manifest
from idm.storage.retention import discard
from idm.training import verify as verify_module
from idm.training import verify_run
from idm.training.snapshots import save_snapshot


@pytest.fixture
def run(tmp_path):
    lines = "".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in (1, 2, 3))
    (tmp_path / "metrics.jsonl").write_text(lines)
    for step in (2, 3):
        length = len(lines) * step // 3
        training = {"step": step, "metrics_length": length}
        save_checkpoint(tmp_path, step, tensors={"network": {"w": torch.ones(3)}}, documents={"training": training})
    return tmp_path


def sign_again(path):
    """Make a manifest that fits files that were changed."""
    (path / "manifest.json").unlink()
    (path / "manifest.json").write_text(as_text(make_manifest(path, int(path.name[5:]), None)))


def problems(run):
    return {verdict.step: verdict.problems for verdict in verify_run(run)}


def test_a_whole_run_has_no_problems(run):
    first, last = verify_run(run)
    assert (first.step, last.step, first.num_files, first.num_tensors) == (2, 3, 3, 1)
    assert problems(run) == {2: (), 3: ()}
    assert [verdict.step for verdict in verify_run(last.path)] == [3]


def test_other_content_is_found(run):
    (run / "checkpoints" / "step-00000003" / "training.json").write_text("{}")
    assert problems(run)[2] == ()
    assert "training.json is not what was written" in problems(run)[3][0]


def test_a_number_that_is_not_finite_is_found_though_the_hashes_fit(run):
    path = run / "checkpoints" / "step-00000003"
    file = path / "network.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-4] + b"\x00\x00\xc0\x7f")
    sign_again(path)
    assert problems(run)[3] == ("network.safetensors: w is not finite",)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, " " * (4 * 2**20 + 1)])
def test_json_that_cannot_be_read_is_found_though_the_hashes_fit(run, text):
    path = run / "checkpoints" / "step-00000003"
    (path / "data.json").write_text(text)
    sign_again(path)
    (problem,) = problems(run)[3]
    assert problem.startswith("data.json cannot be read")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"step": 1}\n', "bytes, not the"),
        ("x" * 75 + "\n", "line"),
        ("\n" * 400, "line 1 cannot be read"),
        ('{"step": 3, "loss": 1.0}\n{"step": 3, "loss": 1.0}\n{"step": 4, "loss": 1.0}\n', "steps do not rise"),
        ('{"step": 1, "loss": 1.0} {"step": 1, "loss": 1.0}  {"step": 1, "loss": 1.0}  ', "no line ends at byte"),
    ],
)
def test_metrics_that_do_not_fit_are_found(run, content, words):
    (run / "metrics.jsonl").write_text(content)
    (problem,) = problems(run)[3]
    assert words in problem


@pytest.mark.parametrize("content", ["[]", '{"step": "3"}', '{"metrics_length": {}}', '{"events_length": 1.5}'])
def test_counts_that_are_none_are_found_though_the_hashes_fit(run, content):
    path = run / "checkpoints" / "step-00000003"
    (path / "training.json").write_text(content)
    sign_again(path)
    assert problems(run)[3] == ("training.json holds other things than counts",)


def test_steps_that_are_no_numbers_are_found(run):
    length = (run / "metrics.jsonl").stat().st_size
    line = '{"step": "1"}\n'
    (run / "metrics.jsonl").write_text(line + " " * (length - len(line) - 1) + "\n")
    assert problems(run)[3] == ("metrics.jsonl: line 1 cannot be read",)


def test_a_folder_without_checkpoints_is_no_run(tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        verify_run(tmp_path)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        verify_run(tmp_path / "none")


def test_stored_averages_are_looked_at_too(run):
    for step in (2, 3):
        save_snapshot(run, step, {"power-0.05": {"w": torch.ones(3)}})
    names = ["step-00000002", "step-00000003", "averages/step-00000002", "averages/step-00000003"]
    assert [(verdict.name, verdict.problems) for verdict in verify_run(run)] == [(name, ()) for name in names]
    file = run / "averages" / "step-00000002" / "power-0.05.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    *_, damaged, last = verify_run(run)
    assert damaged.of_averages
    assert "power-0.05.safetensors is not what was written" in damaged.problems[0]
    assert not last.problems


LEFT_BY_THE_SYSTEM = [
    ".DS_Store",
    "._network.safetensors",
    "Thumbs.db",
    "desktop.ini",
    ".nfs00012",
    "data.json~",
    "Icon\r",
]


@pytest.mark.parametrize("name", LEFT_BY_THE_SYSTEM)
def test_what_desktops_and_file_systems_leave_is_no_damage(run, name):
    (run / "checkpoints" / "step-00000003" / name).write_bytes(b"\0\0\0\1Bud1")
    assert problems(run) == {2: (), 3: ()}


def test_another_file_that_cannot_be_read_is_reported(run):
    (run / "checkpoints" / "step-00000003" / "notes.json").write_bytes(b"\0\0")
    assert "notes.json cannot be read" in problems(run)[3][0]


@pytest.fixture
def dropping(run, monkeypatch):
    """Have retention drop the older checkpoint the moment that its manifest was looked at."""

    def dropped(path):
        if path.name == "step-00000002" and path.exists():
            discard(path)
            raise FileNotFoundError(path / "network.safetensors")
        return damage(path)

    monkeypatch.setattr(verify_module, "damage", dropped)
    return run


def test_a_checkpoint_that_training_drops_meanwhile_is_left_out(dropping):
    assert problems(dropping) == {3: ()}


def test_it_is_reported_where_it_alone_was_asked_for(dropping):
    (verdict,) = verify_run(dropping / "checkpoints" / "step-00000002")
    assert verdict.problems == ("it was removed while it was read",)


def test_where_all_are_dropped_the_run_is_looked_at_anew(run, monkeypatch):
    def replaced(path):
        if path.name == "step-00000003" or path.exists() is False:
            return damage(path)
        discard(path)
        bring_back(run)
        return f"{path.name} is gone"

    (run / "checkpoints" / "step-00000003").rename(run / "later")
    monkeypatch.setattr(verify_module, "damage", replaced)
    assert problems(run) == {3: ()}


def test_the_newest_is_looked_at_first_as_older_ones_are_dropped_sooner(run, monkeypatch):
    seen = []
    monkeypatch.setattr(verify_module, "damage", lambda path: seen.append(path.name) or damage(path))
    assert [verdict.step for verdict in verify_run(run)] == [2, 3]
    assert seen[:2] == ["step-00000003", "step-00000002"]


def bring_back(run):
    """Write, as training would, a checkpoint while older ones are looked at."""
    if (run / "later").exists():
        (run / "later").rename(run / "checkpoints" / "step-00000003")


def test_a_file_that_goes_while_it_is_opened_which_torch_calls_a_runtime_error_is_no_error_of_the_program(
    run, monkeypatch
):
    def gone(file, framework):
        file.unlink()
        raise RuntimeError(f"unable to open file <{file}> in read-only mode: No such file or directory (2)")

    (path, *_) = sorted((run / "checkpoints").iterdir())
    monkeypatch.setattr(verify_module, "safe_open", gone)
    assert verify_module.verify_checkpoint(path).problems == ("it was removed while it was read",)
