"""Settings of training that nobody gives follow those that are given, and the run that goes on."""

from dataclasses import replace

import numpy as np
import pytest

from idm.cli.choose import choose_experiment
from idm.core.errors import ResumeError
from idm.diffusion import ModelMeanType
from idm.experiment import from_plain, to_plain, train
from idm.experiment.settings import Experiment

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


def test_a_settings_file_gives_settings_as_well(pictures, tmp_path):
    (tmp_path / "mine.yaml").write_text("training: {num_steps: 60, warmup_steps: 30}\n")
    for where in ({"data": pictures}, {"preset": "digits"}, {}):
        found = training(run=tmp_path / "a", config=tmp_path / "mine.yaml", **where)
        assert (found.num_steps, found.warmup_steps, found.log_interval) == (60, 30, 3)


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
    run = train(chosen.experiment, tmp_path / "a", device="cpu", adapt=chosen.adapt, progress=False)
    assert run.experiment.training.batch_size == batch


def test_a_run_goes_on_for_longer_with_the_averages_it_was_started_with(pictures, tmp_path):
    def go(*overrides):
        chosen = choose_experiment(None, None, pictures, tmp_path / "a", (*SMALL, *overrides))
        return train(chosen.experiment, tmp_path / "a", device="cpu", adapt=chosen.adapt, progress=False)

    first = go("training.num_steps=2")
    longer = go("training.num_steps=40")
    assert (first.step, longer.step) == (2, 40)
    assert longer.experiment.training.ema_rates == first.experiment.training.ema_rates
    assert longer.experiment.training.log_interval == 2


def test_a_run_on_the_same_data_goes_on_as_it_was_started_whatever_would_be_inferred_now(pictures, tmp_path):
    chosen = choose_experiment(None, None, pictures, tmp_path / "a", (*SMALL, "training.num_steps=1"))
    noise = replace(chosen.experiment.diffusion, prediction=ModelMeanType.EPSILON)
    older = replace(chosen.experiment.training, ema_rates=(0.999,), warmup_steps=500)
    train(replace(chosen.experiment, diffusion=noise, training=older), tmp_path / "a", device="cpu", progress=False)
    again = choose_experiment(None, None, pictures, tmp_path / "a", ("training.num_steps=2",))
    assert train(again.experiment, tmp_path / "a", device="cpu", adapt=again.adapt, progress=False).step == 2
    other = choose_experiment(None, None, pictures, tmp_path / "a", ("diffusion.prediction=v",))
    with pytest.raises(ResumeError, match="started with 'epsilon', got 'v'"):
        train(other.experiment, tmp_path / "a", device="cpu", adapt=other.adapt, progress=False)


def test_the_advice_to_go_on_as_started_works(tmp_path):
    old = choose_experiment(None, "digits", None, tmp_path / "a", (*SMALL, "training.num_steps=1", "seed=3")).experiment
    train(old, tmp_path / "a", device="cpu", progress=False)
    preset = choose_experiment(None, "digits", None, tmp_path / "a", ()).experiment
    with pytest.raises(ResumeError, match="goes on with it as it was started") as error:
        train(preset, tmp_path / "a", device="cpu", progress=False)
    assert f"'idm train --out {tmp_path / 'a'}'" in error.value.lines[0]
    again = choose_experiment(None, None, None, tmp_path / "a", ()).experiment
    assert again == from_plain(Experiment, to_plain(old))
    assert train(again, tmp_path / "a", device="cpu", progress=False).step == 1
