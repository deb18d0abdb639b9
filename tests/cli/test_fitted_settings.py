"""Settings of training that nobody gives follow those that are given, and the run that goes on."""

import shlex
from dataclasses import replace

import numpy as np
import pytest

import idm as library
from idm.cli import main
from idm.core.errors import ResumeError
from idm.core.progress import SILENT
from idm.diffusion import ModelMeanType
from idm.presets import PRESETS
from idm.settings import Experiment, from_plain, resolve, to_plain
from idm.tasks import train
from idm.tasks.choose import choose_experiment

SMALL = (
    "network.model_channels=8",
    "network.num_res_blocks=1",
    "network.num_heads=1",
    "network.channel_mult=[1]",
    "network.attention_resolutions=[]",
    "schedule.num_timesteps=20",
    "sampler.steps=2",
)


@pytest.fixture
def pictures(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8)).astype(np.uint8))
    return str(tmp_path / "x.npy")


def training(*overrides, run, config=None, preset=None, data=None):
    return choose_experiment(config, preset, data, run, overrides).experiment.training


def test_inferred_settings_hear_of_the_number_of_steps(pictures, tmp_path):
    found = training("training.num_steps=60", run=tmp_path / "a", data=pictures)
    assert (found.warmup_steps, found.log_interval, found.ema_rates) == (6, 3, (0.67,))
    found = training("training.num_steps=60", "training.warmup_steps=500", run=tmp_path / "a", data=pictures)
    assert (found.warmup_steps, found.log_interval) == (500, 3)


@pytest.mark.parametrize(("samples", "batch"), [(2000, 512), (100, 90)])
def test_points_are_trained_in_large_batches_where_there_are_as_many(samples, batch, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(samples, 2)).astype(np.float32))
    chosen = choose_experiment(None, None, str(tmp_path / "x.npy"), tmp_path / "a", ("num_steps=60",))
    assert chosen.adapt(chosen.experiment, round(0.9 * samples)).training.batch_size == batch
    assert training("training.batch_size=7", run=tmp_path / "a", data=str(tmp_path / "x.npy")).batch_size == 7


@pytest.mark.parametrize(("steps", "rate"), [(300, 1e-3), (1_250, 8e-4), (5_000, 4e-4), (20_000, 2e-4), (80_000, 2e-4)])
def test_a_short_run_learns_faster(steps, rate, pictures, tmp_path):
    """2e-4 times the root of 20,000 / steps, and no more than 1e-3."""
    found = training(f"training.num_steps={steps}", run=tmp_path / "a", data=pictures)
    assert found.learning_rate == pytest.approx(rate)
    found = training(f"training.num_steps={steps}", "learning_rate=3e-5", run=tmp_path / "a", data=pictures)
    assert found.learning_rate == 3e-5


def test_a_settings_file_gives_settings_as_well(pictures, tmp_path):
    (tmp_path / "mine.yaml").write_text("training: {num_steps: 60, warmup_steps: 30}\n")
    for where in ({"data": pictures}, {"preset": "digits"}, {}):
        found = training(run=tmp_path / "a", config=tmp_path / "mine.yaml", **where)
        assert (found.num_steps, found.warmup_steps, found.log_interval) == (60, 30, 3)


def test_a_printed_preset_follows_the_number_of_steps_that_is_given_with_it(tmp_path, capsys):
    assert main(["config", "--preset", "digits"]) == 0
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    with_preset = training("num_steps=30", run=tmp_path / "a", preset="digits")
    assert training("num_steps=30", run=tmp_path / "a", config=tmp_path / "mine.yaml") == with_preset
    assert (
        training("num_steps=30", "warmup_steps=9", run=tmp_path / "a", config=tmp_path / "mine.yaml").warmup_steps == 9
    )
    assert training(run=tmp_path / "a", config=tmp_path / "mine.yaml") == PRESETS.build("digits", {}).training
    assert resolve(Experiment(), file=tmp_path / "mine.yaml", overrides=["num_steps=30"]).training == with_preset
    assert resolve(PRESETS.build("digits", {}), overrides=["num_steps=30"]).training == with_preset


def test_what_a_file_gives_without_a_number_of_steps_stays(tmp_path):
    (tmp_path / "mine.yaml").write_text("training: {warmup_steps: 30}\n")
    found = training("num_steps=60", run=tmp_path / "a", config=tmp_path / "mine.yaml", preset="digits")
    assert (found.warmup_steps, found.log_interval) == (30, 3)


def test_presets_hear_of_the_number_of_steps(tmp_path):
    found = training("training.num_steps=60", run=tmp_path / "a", preset="digits")
    assert (found.warmup_steps, found.log_interval, found.save_interval) == (6, 3, 15)
    assert training(run=tmp_path / "a", preset="digits").warmup_steps == 100


@pytest.mark.parametrize(
    ("overrides", "batch"),
    [((), 18), (("data.held_out=0",), 20), (("data.held_out=15",), 5), (("training.batch_size=64",), 64)],
)
@pytest.mark.parametrize("preset", [None, "cifar10"])
def test_batches_fit_what_is_left_after_holding_out(pictures, tmp_path, overrides, batch, preset):
    more = () if preset is None or "data.held_out" in str(overrides) else ("data.held_out=0.1",)
    steps = ("training.num_steps=1", "training.posthoc_sigma_rels=[]")
    chosen = choose_experiment(None, preset, pictures, tmp_path / "a", (*SMALL, *steps, *more, *overrides))
    run = train(chosen.experiment, tmp_path / "a", device="cpu", adapt=chosen.adapt, listener=SILENT)
    assert run.experiment.training.batch_size == batch


def test_a_run_goes_on_for_longer_with_the_averages_it_was_started_with(pictures, tmp_path):
    def go(*overrides):
        chosen = choose_experiment(None, None, pictures, tmp_path / "a", (*SMALL, *overrides))
        return train(chosen.experiment, tmp_path / "a", device="cpu", adapt=chosen.adapt, listener=SILENT)

    first = go("training.num_steps=2")
    longer = go("training.num_steps=40")
    assert (first.step, longer.step) == (2, 40)
    assert longer.experiment.training.ema_rates == first.experiment.training.ema_rates
    assert longer.experiment.training.log_interval == 2


@pytest.mark.parametrize("preset", [None, "digits"])
def test_a_run_keeps_its_own_length_and_settings_where_nobody_gives_others(pictures, tmp_path, preset):
    out, data = tmp_path / "a", pictures if preset is None else None
    given = (*SMALL, "training.num_steps=2", "training.log_interval=2", "training.sample_interval=0")
    first = choose_experiment(None, preset, data, out, given)
    first = train(first.experiment, out, device="cpu", adapt=first.adapt, listener=SILENT)
    assert training(*SMALL, run=out, preset=preset, data=data) == first.experiment.training
    longer = training(*SMALL, "num_steps=60", run=out, preset=preset, data=data)
    assert (longer.log_interval, longer.sample_interval, longer.save_interval) == (2, 0, 15)
    (tmp_path / "mine.yaml").write_text("training: {num_steps: 60, log_interval: 1}\n")
    by_file = training(*SMALL, "num_steps=40", run=out, preset=preset, data=data, config=tmp_path / "mine.yaml")
    assert (by_file.log_interval, by_file.sample_interval, by_file.save_interval) == (1, 0, 10)


def test_a_finished_run_says_how_it_goes_on_and_the_advice_works(idm, pictures, tmp_path):
    command = ("train", "--data", pictures, "--out", tmp_path / "a", *(f"--set={line}" for line in SMALL))
    assert idm(*command, "--set", "num_steps=1").code == 0
    done = idm(*command)
    assert done.code == 0
    assert done.err == f"training {tmp_path / 'a'}: drawing samples\n"
    advice = "Nothing is left to train: every step of 1 is done; to go on, add --set training.num_steps=2"
    assert advice in done.out.splitlines()
    longer = idm(*command, "--set", "training.num_steps=2")
    assert "trained  2 steps" in longer.out
    assert "Nothing is left" not in longer.out


def test_a_run_on_the_same_data_goes_on_as_it_was_started_whatever_would_be_inferred_now(pictures, tmp_path):
    chosen = choose_experiment(None, None, pictures, tmp_path / "a", (*SMALL, "training.num_steps=1"))
    noise = replace(chosen.experiment.diffusion, prediction=ModelMeanType.EPSILON)
    older = replace(chosen.experiment.training, ema_rates=(0.999,), warmup_steps=500)
    train(replace(chosen.experiment, diffusion=noise, training=older), tmp_path / "a", device="cpu", listener=SILENT)
    again = choose_experiment(None, None, pictures, tmp_path / "a", ("training.num_steps=2",))
    assert train(again.experiment, tmp_path / "a", device="cpu", adapt=again.adapt, listener=SILENT).step == 2
    other = choose_experiment(None, None, pictures, tmp_path / "a", ("diffusion.prediction=v",))
    with pytest.raises(ResumeError, match="started with 'epsilon', got 'v'"):
        train(other.experiment, tmp_path / "a", device="cpu", adapt=other.adapt, listener=SILENT)


def test_the_advice_to_go_on_as_started_works(tmp_path):
    old = choose_experiment(None, "digits", None, tmp_path / "a", (*SMALL, "training.num_steps=1", "seed=3")).experiment
    train(old, tmp_path / "a", device="cpu", listener=SILENT)
    preset = choose_experiment(None, "digits", None, tmp_path / "a", ()).experiment
    with pytest.raises(ResumeError, match="goes on with it as it was started") as error:
        train(preset, tmp_path / "a", device="cpu", listener=SILENT)
    advised = error.value.lines[0].split("'")[1]
    assert advised.startswith("idm.train(")
    assert eval(advised, {"idm": library}).step == 1
    again = choose_experiment(None, None, None, tmp_path / "a", ()).experiment
    assert again == from_plain(Experiment, to_plain(old))


def test_the_advice_to_go_on_as_started_is_a_command_in_a_shell(idm, tmp_path):
    folder = tmp_path / "a b"
    small = [word for setting in (*SMALL, "training.num_steps=1") for word in ("--set", setting)]
    assert idm("train", "--preset", "digits", "--out", folder, *small, "--set", "seed=3").code == 0
    line, *_ = idm("train", "--preset", "digits", "--out", folder).errors
    advised = line.split('"')[1]
    assert advised == f"idm train --out '{folder}'"
    assert idm(*shlex.split(advised)[1:]).code == 0
