"""Training from the command line: what it prints and writes, and how it goes on."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from PIL import Image


def hashes(run):
    """Manifest of the newest checkpoint."""
    newest = sorted((run / "checkpoints").glob("step-*"))[-1]
    files = json.loads((newest / "manifest.json").read_text())["files"]
    del files["training.json"]  # holds seconds
    return newest.name, files


def test_a_run_folder_holds_everything(run):
    assert {path.name for path in run.iterdir()} >= {"checkpoints", "experiment.yaml", "metrics.jsonl", "samples"}
    assert [path.name for path in sorted((run / "samples").iterdir())] == ["step-000060.png", "step-000120.png"]
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [40, 80, 120]
    assert Image.open(run / "samples" / "step-000120.png").size[0] > 300
    assert yaml.safe_load((run / "experiment.yaml").read_text())["training"]["num_steps"] == 120


def test_people_are_told_what_is_trained_and_what_to_do_next(idm, tiny, tmp_path):
    result = idm("train", "--preset", "digits", "--out", tmp_path / "a", *tiny())
    for part in ("1,500 samples of 1 x 8 x 8", "17 levels", "297 held out", "parameters", "6 steps", "idm sample"):
        assert part in " ".join(result.out.split())


def test_programs_are_told_in_json(idm, tiny, tmp_path):
    result = idm("train", "--preset", "digits", "--out", tmp_path / "a", "--json", *tiny())
    assert result.json["step"] == 6
    assert result.json["checkpoint"].endswith("step-00000006")


def test_the_same_command_again_changes_nothing(idm, tiny, tmp_path):
    command = ("train", "--preset", "digits", "--out", tmp_path / "a", *tiny())
    assert idm(*command).code == 0
    before = hashes(tmp_path / "a")
    assert idm(*command).code == 0
    assert hashes(tmp_path / "a") == before


def test_a_run_goes_on_as_if_it_had_not_been_stopped(idm, tiny, tmp_path):
    constant = {"training__decay": "constant"}
    command = ("train", "--preset", "digits", "--out")
    assert idm(*command, tmp_path / "whole", *tiny(**constant)).code == 0
    assert idm(*command, tmp_path / "parts", *tiny(training__num_steps=4, **constant)).code == 0
    assert idm(*command, tmp_path / "parts", *tiny(**constant)).code == 0
    whole, parts = hashes(tmp_path / "whole"), hashes(tmp_path / "parts")
    assert whole == parts


def test_a_run_goes_on_without_being_told_again_what_it_is(idm, tiny, tmp_path):
    assert idm("train", "--preset", "digits", "--out", tmp_path / "a", *tiny()).code == 0
    result = idm("train", "--out", tmp_path / "a", "--set", "training.num_steps=8")
    assert result.code == 0, result.err
    assert "resumed at step 6" in " ".join(result.out.split())
    assert hashes(tmp_path / "a")[0] == "step-00000008"


def test_other_settings_are_refused_with_a_line_each(idm, tiny, run):
    result = idm("train", "--preset", "digits", "--out", run, *tiny(network__dropout=0.3, seed=5))
    assert result.code == 4
    assert len(result.errors) == 5
    assert f"{run} holds another run" in result.errors[0]
    assert "network.dropout: this run was started with 0.1, got 0.3" in result.errors[1]


def test_a_settings_file_lies_over_a_preset_and_below_the_command_line(idm, tmp_path, tiny):
    (tmp_path / "mine.yaml").write_text("training: {batch_size: 4, learning_rate: 5e-4}\nseed: 7\n")
    options = tiny(seed=9)
    assert idm("train", tmp_path / "mine.yaml", "--preset", "digits", "--out", tmp_path / "a", *options).code == 0
    settings = yaml.safe_load((tmp_path / "a" / "experiment.yaml").read_text())
    assert settings["seed"] == 9
    assert settings["training"]["learning_rate"] == 5e-4
    assert settings["training"]["label_dropout"] == 0.1


def test_a_toml_file_works_alone(idm, tmp_path, tiny):
    (tmp_path / "mine.toml").write_text('seed = 3\n[data.source]\nname = "digits"\n')
    assert idm("train", tmp_path / "mine.toml", "--out", tmp_path / "a", *tiny()).code == 0


def test_what_a_run_wrote_down_starts_the_same_run(idm, tiny, tmp_path):
    assert idm("train", "--preset", "digits", "--out", tmp_path / "a", *tiny()).code == 0
    assert idm("train", tmp_path / "a" / "experiment.yaml", "--out", tmp_path / "again").code == 0
    assert hashes(tmp_path / "again") == hashes(tmp_path / "a")


@pytest.fixture
def images(tmp_path):
    for name in ("circle", "square"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(6):
            pixels = np.random.default_rng(i).integers(0, 256, (40, 48, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{i}.png")
    return tmp_path / "images"


def test_settings_are_inferred_from_data_and_printed(idm, images, tmp_path, tiny):
    command = ("train", "--data", images, "--out", tmp_path / "a", *tiny(data__source__image_size=8))
    result = idm(*command)
    assert result.code == 0, result.err
    assert "inferred from the data" in result.out
    assert "data.source.name=image_folder" in result.out
    assert "2 classes" in result.out
    assert idm(*command).code == 0


def test_data_take_the_place_of_a_preset_s_and_keep_its_image_size(idm, images, tmp_path, tiny):
    options = tiny(network__attention_resolutions="[]")
    result = idm("train", "--preset", "cifar10", "--data", images, "--out", tmp_path / "a", *options)
    assert result.code == 0, result.err
    settings = yaml.safe_load((tmp_path / "a" / "experiment.yaml").read_text())
    assert settings["data"]["source"]["path"] == str(images)
    assert settings["data"]["source"]["image_size"] == 32
    assert settings["data"]["held_out"] == 0


def test_points_are_trained_and_shown(idm, tmp_path):
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 80)
    np.save(tmp_path / "points.npy", np.stack([np.cos(angle), np.sin(angle)], axis=1))
    short = ("--set", "training.num_steps=3", "--set", "sampler.steps=3", "--set", "network.width=16")
    assert idm("train", "--data", tmp_path / "points.npy", "--out", tmp_path / "a", *short).code == 0
    assert (tmp_path / "a" / "samples" / "step-000003.png").is_file()
    assert idm("sample", tmp_path / "a", "--num", "50", "--out", tmp_path / "s").code == 0
    assert np.load(tmp_path / "s" / "samples.npz")["data"].shape == (50, 2)
    assert (tmp_path / "s" / "samples.png").is_file()


@pytest.mark.usefixtures("default_signals")
def test_ctrl_c_saves_and_exits_with_75(tmp_path, tiny):
    command = ["train", "--preset", "digits", "--out", str(tmp_path / "a"), *tiny(training__num_steps=100_000)]
    process = subprocess.Popen(
        [sys.executable, "-m", "idm", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "a").glob("checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    (line,) = [line for line in err.splitlines() if line.startswith("error")]
    assert "run the same command to continue" in line
    assert "Traceback" not in err


def test_commands_to_copy_work_whatever_the_folder_is_called(idm, tiny, tmp_path):
    folder = tmp_path / "my 'first' run"
    result = idm(
        "train", "--preset", "digits", "--out", folder, *tiny(training__num_steps=1, training__save_interval=1)
    )
    (line,) = [line for line in result.out.splitlines() if line.startswith("Next: ")]
    assert shlex.split(line)[1:] == ["idm", "sample", str(folder), "--num", "64"]
