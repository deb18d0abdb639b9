"""A run is a function of its settings alone: stopped and continued, cut into micro-batches, or not."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from idm.core.errors import CheckpointError, DataError, InterruptedRunError, ResumeError, SettingsError
from idm.core.progress import SILENT
from idm.run import draw, load, open_run_data
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.experiment import TimestepSettings
from idm.tasks import prepare, train
from idm.training.spread import Alone


def go(experiment, run, **options):
    return train(experiment, run, device="cpu", listener=SILENT, **options)


def state(run):
    """Every tensor of the newest checkpoint, by file and name."""
    newest = sorted((run / "checkpoints").glob("step-*"))[-1]
    tensors = {f"{file.stem}/{k}": v for file in newest.glob("*.safetensors") for k, v in load_file(file).items()}
    documents = {name: json.loads((newest / f"{name}.json").read_text()) for name in ("data", "calibration")}
    return tensors, documents


def assert_same_state(one, other, *, exactly=True):
    (tensors, documents), (others, other_documents) = state(one), state(other)
    assert tensors.keys() == others.keys()
    for name, value in tensors.items():
        tolerance = {"rtol": 0.0, "atol": 0.0} if exactly else {"rtol": 1e-3, "atol": 1e-5}
        torch.testing.assert_close(others[name], value, **tolerance, msg=name)
    if exactly:
        assert documents == other_documents


def rows(run):
    """Lines of metrics.jsonl without what the clock says."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if "second" not in key and key != "waited"} for row in found]


VARIANTS = {
    "plain": {},
    "importance-sampled bound": {
        "timesteps": {"name": "loss_second_moment", "history_per_term": 1},
        "diffusion": {"loss": "rescaled_kl"},
        "schedule": {"name": "cosine", "num_timesteps": 4, "noise_floor": 0.0},
        "training__num_steps": 8,
        "sampler": {"name": "ddim", "steps": 2},
    },
    "flow matching": {
        "schedule": {"name": "flow", "num_timesteps": 10},
        "diffusion": {"prediction": "velocity"},
        "timesteps": {"name": "logit_normal"},
    },
    "preconditioned": {"diffusion": {"prediction": "edm"}, "timesteps": {"name": "log_normal", "importance": True}},
    "micro-batches": {"training__micro_batch_size": 3},
    "low precision": {"training__precision": "bfloat16"},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_continued_run_equals_an_uninterrupted_one(experiment, tmp_path, changes):
    changes = {"training__bound_interval": 1, "schedule__num_timesteps": 10} | changes  # each part ends with a bound
    whole = experiment(**changes)
    go(whole, tmp_path / "whole")
    for num_steps in (1, 3, whole.training.num_steps):
        go(experiment(**changes | {"training__num_steps": num_steps}), tmp_path / "parts")
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


def test_micro_batches_change_rounding_only(experiment, tmp_path):
    none = {"network__dropout": 0.0, "training__num_steps": 2}
    go(experiment(**none), tmp_path / "whole")
    go(experiment(**none, training__micro_batch_size=1), tmp_path / "parts")
    whole, parts = rows(tmp_path / "whole"), rows(tmp_path / "parts")
    assert parts[0]["loss"] == pytest.approx(whole[0]["loss"], rel=1e-5)
    assert parts[0]["grad_norm"] == pytest.approx(whole[0]["grad_norm"], rel=1e-4)


def test_another_seed_trains_another_model(experiment, tmp_path):
    go(experiment(), tmp_path / "a")
    go(experiment(seed=1), tmp_path / "b")
    assert rows(tmp_path / "a")[0]["loss"] != rows(tmp_path / "b")[0]["loss"]


def test_metrics_after_the_last_checkpoint_are_dropped_when_a_run_goes_on(experiment, tmp_path):
    go(experiment(training__num_steps=2), tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 3, "loss": 1.0}\n{"st')
    go(experiment(), tmp_path / "run")
    assert [row["step"] for row in rows(tmp_path / "run")] == [1, 2, 3, 4]


def test_a_damaged_checkpoint_is_passed_over_and_the_run_goes_on_from_the_one_before(experiment, tmp_path):
    go(experiment(), tmp_path / "whole")
    go(experiment(), tmp_path / "damaged")
    file = tmp_path / "damaged" / "checkpoints" / "step-00000004" / "network.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert load(tmp_path / "damaged", device="cpu").step == 2
    go(experiment(), tmp_path / "damaged")
    assert_same_state(tmp_path / "whole", tmp_path / "damaged")


DIFFERENT = {
    "network.dropout": {"network__dropout": 0.3},
    "seed": {"seed": 4},
    "training.batch_size": {"training__batch_size": 5},
    "schedule.num_timesteps": {"schedule__num_timesteps": 31},
    "diffusion.prediction": {"diffusion": {"prediction": "v"}},
    "data.held_out": {"data__held_out": 200},
}


@pytest.mark.parametrize(("path", "changes"), DIFFERENT.items(), ids=DIFFERENT.keys())
def test_another_experiment_is_refused(experiment, tmp_path, path, changes):
    go(experiment(training__num_steps=1), tmp_path)
    before = (tmp_path / "experiment.yaml").read_text()
    with pytest.raises(ResumeError, match=f"{path}: this run was started with"):
        go(experiment(**changes), tmp_path)
    assert (tmp_path / "experiment.yaml").read_text() == before


def test_what_does_not_change_the_model_may_change(experiment, tmp_path):
    go(experiment(training__num_steps=1), tmp_path)
    changes = {"training__save_interval": 1, "training__micro_batch_size": 2, "sampler": {"name": "ddpm", "steps": 2}}
    assert go(experiment(**changes), tmp_path).step == 4


def test_an_experiment_of_python_and_the_same_of_a_file_are_one(tmp_path, experiment):
    full = experiment(training__num_steps=1)
    bare = replace(full, timesteps=TimestepSettings(), sampler=replace(full.sampler, options={}))
    go(bare, tmp_path)
    assert go(from_plain(Experiment, to_plain(bare)), tmp_path).step == 1


def test_changed_data_are_refused(experiment, tmp_path):
    def settings():
        return experiment(data={"source": {"name": "arrays", "path": str(tmp_path / "x.npy")}, "held_out": 2})

    np.save(tmp_path / "x.npy", np.zeros((9, 1, 8, 8), np.uint8))
    go(settings(), tmp_path / "run")
    np.save(tmp_path / "x.npy", np.zeros((10, 1, 8, 8), np.uint8))
    with pytest.raises(ResumeError, match="other data"):
        go(settings(), tmp_path / "run")


def test_a_folder_of_another_run_is_told_in_a_line_with_a_few_differences(experiment, tmp_path):
    go(experiment(training__num_steps=1), tmp_path)
    with pytest.raises(ResumeError, match="holds another run") as error:
        go(experiment(network={"name": "unet", "model_channels": 16}, seed=3, training__batch_size=5), tmp_path)
    first, *differences, last = error.value.lines
    assert first.startswith(f"{tmp_path} holds another run: ")
    assert len(differences) == 5
    assert all("this run was started with" in line for line in differences)
    assert last.startswith("... and ")


def test_data_may_move_and_a_run_goes_on_from_another_folder(experiment, tmp_path, monkeypatch):
    def settings(path, num_steps):
        source = {"name": "arrays", "path": path}
        return experiment(data={"source": source, "held_out": 2}, training__num_steps=num_steps)

    (tmp_path / "elsewhere").mkdir()
    np.save(tmp_path / "x.npy", np.zeros((9, 1, 8, 8), np.uint8))
    monkeypatch.chdir(tmp_path)
    go(settings("x.npy", 1), tmp_path / "run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = load(tmp_path / "run", device="cpu")
    assert run.experiment.data.source.options.path == str(tmp_path / "x.npy")
    assert open_run_data(run).spec == run.spec
    (tmp_path / "x.npy").rename(tmp_path / "y.npy")
    assert go(settings(str(tmp_path / "y.npy"), 2), tmp_path / "run").step == 2


def test_nothing_is_written_before_everything_fits(experiment, tmp_path):
    for changes in (
        {"sampler__steps": 99},
        {"sampler__eta": 3.0},
        {"network__num_heads": 3, "network__channel_mult": [1, 1], "network__attention_resolutions": [2]},
    ):
        with pytest.raises(SettingsError):
            go(experiment(**changes), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_the_first_signal_stops_after_the_step_and_saves(experiment, tmp_path):
    seen = []

    def interrupt(step, run):
        seen.append(step)
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = experiment(training__sample_interval=1, training__save_interval=100)
    with pytest.raises(InterruptedRunError, match="stopped at step 2 of 4") as error:
        go(settings, tmp_path / "run", preview=interrupt)
    assert error.value.exit_code == 75
    assert seen == [1, 2]
    go(settings, tmp_path / "whole")
    go(settings, tmp_path / "run")
    assert_same_state(tmp_path / "whole", tmp_path / "run")


def test_a_preview_is_shown_at_intervals_and_at_the_end(experiment, tmp_path):
    shown = []
    go(experiment(training__sample_interval=3), tmp_path / "a", preview=lambda step, run: shown.append(step))
    assert shown == [3, 4]
    shown.clear()
    go(experiment(), tmp_path / "b", preview=lambda step, run: shown.append(step))  # an interval of 0
    assert shown == []


def test_watching_does_not_change_training(experiment, tmp_path):
    def watch(step, run):
        draw(run, 2)

    go(experiment(training__sample_interval=1), tmp_path / "a", preview=watch)
    go(experiment(training__sample_interval=1), tmp_path / "b")
    assert_same_state(tmp_path / "a", tmp_path / "b")


def test_what_is_about_to_be_trained_is_announced(experiment, tmp_path):
    starts = []
    go(experiment(training__num_steps=2), tmp_path, announce=starts.append)
    go(experiment(), tmp_path, announce=starts.append)
    assert [start.num_steps_done for start in starts] == [0, 2]
    assert starts[0].data.spec.num_train == 297


def test_a_run_without_an_intact_checkpoint_is_not_begun_anew(experiment, tmp_path):
    run = tmp_path / "run"
    go(experiment(), run)
    for path in run.glob("checkpoints/*/network.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for changes in ({}, {"seed": 5}):
        with pytest.raises(CheckpointError, match="every checkpoint is damaged"):
            go(replace(experiment(), **changes), run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_names_of_classes_that_no_checkpoint_can_hold_are_refused_before_training(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "LARGEST_JSON_BYTES", 50)
    with pytest.raises(DataError, match="classes in at most 50 bytes wanted, got"):
        go(experiment(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_device_without_room_for_a_second_network_saves_all_the_same(experiment, tmp_path, monkeypatch, capsys):
    settings = experiment(training__sample_interval=4)
    go(settings, tmp_path / "whole")

    real = Alone.plain_copy

    def plain_copy(self, *, on_host=False):
        if not on_host:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, on_host=True)

    monkeypatch.setattr(Alone, "plain_copy", plain_copy)
    go(settings, tmp_path / "short", preview=lambda number, run: pytest.fail("drawn on the host"))
    assert_same_state(tmp_path / "whole", tmp_path / "short")
    warnings = capsys.readouterr().err
    assert "it is evaluated on the host" in warnings
    assert "no samples are drawn (no memory for a copy of the network on the device)" in warnings


def test_another_number_of_steps_tells_how_the_decay_jumps(experiment, tmp_path, capsys):
    decaying = {"training__decay": "cosine", "training__warmup_steps": 0, "training__learning_rate": 0.01}
    go(experiment(training__num_steps=4, **decaying), tmp_path / "run")
    go(experiment(training__num_steps=4, **decaying), tmp_path / "run")
    assert capsys.readouterr().err == ""
    go(experiment(training__num_steps=8, **decaying), tmp_path / "run")
    (line,) = capsys.readouterr().err.splitlines()
    assert "4 became 8" in line
    assert "after step 4 it is 0.005 instead of 0" in line


def test_what_is_no_experiment_is_refused_in_a_line(tmp_path):
    with pytest.raises(SettingsError, match=r"^experiment: an Experiment wanted, such as that of .*, got str$"):
        train("settings.yaml", tmp_path / "run", device="cpu", listener=SILENT)
    assert not (tmp_path / "run").exists()


def test_what_is_no_listener_is_refused_in_a_line(experiment, tmp_path):
    with pytest.raises(SettingsError, match=r"^listener: an idm\.Listener wanted, such as idm\.Calls\(function\), got"):
        train(experiment(), tmp_path / "run", device="cpu", listener=print)
    assert not (tmp_path / "run").exists()


def test_fewer_steps_than_are_done_are_refused_and_nothing_is_changed(experiment, tmp_path):
    go(experiment(training__num_steps=3), tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(
        ResumeError, match=r"^training\.num_steps: at least the 3 steps that .*run has done wanted, got 2"
    ):
        go(experiment(training__num_steps=2), tmp_path / "run")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_points_have_no_sides(experiment, tmp_path):
    np.save(tmp_path / "points.npy", np.zeros((64, 2), dtype=np.float32) + np.arange(64, dtype=np.float32)[:, None])
    data = {"source": {"name": "arrays", "path": str(tmp_path / "points.npy")}, "held_out": 8}
    whole = experiment(data=data, network={"name": "mlp", "width": 8}, schedule={"name": "cosine", "side": 128})
    with pytest.raises(SettingsError) as caught:
        go(whole, tmp_path / "run")
    wanted = (
        "schedule.side: 64, which shifts nothing, wanted for points of 2 values without sides, got 128; leave it out"
    )
    assert caught.value.lines == (wanted,)
    assert not (tmp_path / "run").exists()
