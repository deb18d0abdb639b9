"""Looking at a run from its files."""

import json
import shutil

import pytest


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def test_a_run_is_shown_once(idm, run):
    result = idm("watch", run, "--once")
    assert result.code == 0, result.err
    text = " ".join(result.out.split())
    for part in ("120 of 120", "loss", "images per second", "time left 0:00:00", "step-000120.png", "step-00000120"):
        assert part in text


def test_programs_get_the_last_line_of_metrics(idm, run):
    known = idm("watch", run, "--json").json
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {name: known[name] for name in last} == last
    assert known["num_steps"] == 120
    assert known["seconds_left"] == 0


def test_a_line_being_written_is_left_out(idm, copy):
    row = {"step": 60, "images": 600, "loss": 0.25, "images_per_second": 30.0}
    (copy / "metrics.jsonl").write_text(json.dumps(row) + '\n{"step": 70, "lo')
    known = idm("watch", copy, "--json").json
    assert known["step"] == 60
    assert known["seconds_left"] == 20.0  # 60 steps of 10 images at 30 images per second


def test_a_run_that_has_logged_nothing_yet(idm, copy):
    (copy / "metrics.jsonl").unlink()
    assert "none logged yet" in idm("watch", copy, "--once").out


def test_a_folder_without_a_run(idm, tmp_path):
    result = idm("watch", tmp_path, "--once")
    assert result.code == 4
    assert "no run in this folder" in result.errors[0]


def test_lines_that_are_none_of_ours_are_no_trouble(idm, copy):
    rows = [{"step": 60, "images_per_second": 3.0}, {"step": "sixty", "loss": [1]}, {"loss": None, "images": {}}]
    (copy / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for options in ("--once", "--json"):
        assert idm("watch", copy, options).code == 0
