"""Looking at a run from its files."""

import json
import math
import os
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


ODD_SETTINGS = {
    "deep": "[" * 20_000,
    "infinitely many steps": "training: {num_steps: .inf}",
    "no number of steps": "training: {num_steps: .nan}",
    "steps below zero": "training: {num_steps: -5}",
    "a word": "training: {num_steps: many}",
    "yes": "training: {num_steps: true}",
    "beyond all numbers": f"training: {{num_steps: {'9' * 400}}}",
    "of base 60": "training: {num_steps: " + ":".join(["59"] * 300) + "}",
    "a list": "[training]",
    "a list of settings": "training: [num_steps]",
    "empty": "",
    "large": "seed: 1\n" * 100_000,
    "a call": "training: !!python/object/apply:os.system [true]",
    "no text": "\udcff\udcfe",
}


@pytest.mark.parametrize("kind", ODD_SETTINGS)
def test_odd_settings_leave_out_what_they_do_not_tell(idm, copy, kind):
    (copy / "experiment.yaml").write_bytes(ODD_SETTINGS[kind].encode("utf-8", "surrogateescape"))
    for options in ("--once", "--json"):
        result = idm("watch", copy, options)
        assert (result.code, result.err) == (0, "")
        assert "120" in result.out


ODD_FIGURES = {
    "no rate": {"images_per_second": math.nan},
    "no images": {"images": math.inf},
    "a loss beyond all floats": {"loss": 10**400},
    "a step beyond all floats": {"step": 10**400},
    "steps below zero": {"step": -60},
    "a step of no length": {"step": 0.0},
    "a tiny rate": {"images_per_second": 5e-324},
    "yes": {"step": True, "loss": False, "images": True},
    "lists": {"step": [1], "mse_q0": [[]], "held_out_bpd": {}},
    "words": {"step": "\x1b[31m", "waited": "all"},
    "nothing": {"step": None, "loss": None, "images": None, "images_per_second": None, "mse_q0": None, "waited": None},
    "names of ours": {"run": 1, "num_steps": -1, "events": 2, "checkpoint": 3, "pictures": 4, "seconds_left": 1e300},
    "waiting without end": {"waited": 1e308, "mse_q0": 1e308},
}


@pytest.mark.parametrize("kind", ODD_FIGURES)
def test_odd_figures_are_left_out(idm, copy, kind):
    row = {"step": 60, "images": 600, "loss": 0.25, "images_per_second": 30.0}
    for name in ("metrics.jsonl", "events.jsonl"):
        (copy / name).write_text(json.dumps(row | ODD_FIGURES[kind]) + "\n")
    shown, known = idm("watch", copy, "--once"), idm("watch", copy, "--json")
    assert (shown.code, shown.err) == (0, "")
    assert "inf" not in shown.out.lower().replace(str(copy).lower(), "")
    assert (known.json["run"], known.json["num_steps"]) == (str(copy), 120)


def test_metrics_that_are_no_text_or_no_file_tell_nothing(idm, copy):
    (copy / "metrics.jsonl").write_bytes(b"\x00\xff\xfe\n" + b"[" * 100_000 + b"\n" + b"9" * 10_000 + b"\n{\n\n")
    assert "none logged yet" in idm("watch", copy, "--once").out
    (copy / "metrics.jsonl").unlink()
    (copy / "metrics.jsonl").mkdir()
    shutil.rmtree(copy / "samples")
    (copy / "samples").write_text("no folder")
    assert "none logged yet" in idm("watch", copy, "--once").out


def test_a_pipe_in_place_of_a_file_is_not_waited_for(idm, copy):
    for name in ("metrics.jsonl", "experiment.yaml"):
        (copy / name).unlink()
        os.mkfifo(copy / name)
    assert idm("watch", copy, "--once").code == 4


def test_memorisation_is_shown_with_the_step_that_it_began_by(idm, copy):
    rows = [
        {"step": 40, "loss": 0.3, "memorised": 0.02, "memorised_error": 0.03},
        {"step": 80, "loss": 0.2, "memorised": 0.253, "memorised_error": 0.041, "memorising_since": 80},
        {"step": 100, "loss": 0.2},
    ]
    for number, shown in ((1, "memorised 2% ± 3% checkpoint"), (3, "memorised 25% ± 4%, began by step 80")):
        (copy / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:number]))
        assert shown in " ".join(idm("watch", copy, "--once").out.split())
    assert idm("watch", copy, "--json").json["memorising_since"] == 80
