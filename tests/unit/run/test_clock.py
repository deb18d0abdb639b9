"""The memorisation clock and errors over levels, on a run whose network knows its training set by heart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.core.level_errors import HIGHEST_KAPPA, LOWEST_KAPPA
from idm.oracles import EmpiricalDenoiser
from idm.run import load, open_run_data
from idm.run.bound_request import BoundRequest
from idm.run.clock import MemorisationClock, make_clock, places_of_clock
from idm.run.levels import best_of_training, level_scores
from idm.schedules import cosine_schedule
from idm.training import TrainingSettings


@pytest.fixture(scope="module")
def run(tiny_run):
    return load(tiny_run, device="cpu")


@pytest.fixture(scope="module")
def data(run):
    return open_run_data(run)


@pytest.fixture(scope="module")
def memorised(run, data):
    """The same run, had it learned all of its training data and nothing else."""
    x, y = data.train.batch(np.arange(len(data.train)))
    return replace(run, network=EmpiricalDenoiser(run.diffusion, x, y))


def test_a_network_that_knows_its_training_data_by_heart_has_no_excess_left(memorised, data):
    found = memorised.evaluate(metrics=["levels"], num=100)
    assert found["excess_loss"].value == pytest.approx(0.0, abs=1e-3)
    assert found["train_gap"].value > 0.5
    assert found["train_gap"].value > 10 * found["train_gap"].standard_error


def test_one_that_has_learned_little_has_an_excess_and_no_gap(run):
    found = run.evaluate(metrics=["levels"], num=100)
    assert found["excess_loss"].value > 0.5
    assert abs(found["train_gap"].value) < 4 * found["train_gap"].standard_error


def test_the_clock_tells_them_apart(run, memorised, data):
    places = places_of_clock(run.diffusion.grid)
    clock = MemorisationClock(data, 64, places)
    first = clock.look(run, 32)
    told = clock.look(memorised, 32)
    assert abs(first["memorised"]) < 4 * first["memorised_error"] < 1.0
    assert told["memorised"] > 0.4
    assert told["excess_loss"] == pytest.approx(0.0, abs=1e-3)
    for again in (clock, MemorisationClock(data, 64, places)):
        assert again.look(run, 64) == pytest.approx(first, rel=1e-3, abs=1e-4)


def test_levels_of_the_clock_are_those_between_which_memorisation_is_looked_for():
    kappa = torch.sqrt(1.0 / torch.as_tensor(cosine_schedule(1000).alphas_cumprod) - 1.0)
    found = kappa[places_of_clock(cosine_schedule(1000))]
    assert len(found) == 4
    assert LOWEST_KAPPA < found[0] < found[-1] < HIGHEST_KAPPA
    ratios = found[1:] / found[:-1]
    torch.testing.assert_close(ratios, torch.full((3,), 50.0**0.25, dtype=ratios.dtype), rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("interval", "batch", "number"),
    [(0, 64, None), (10, 64, None), (22, 64, None), (23, 64, 16), (100, 64, 72), (5_000, 128, 256)],
)
def test_it_looks_at_as_many_samples_as_take_a_thirtieth_of_the_work(data, run, interval, batch, number):
    """2 x 4 passes a sample, where an image of a step costs 3: interval x batch x 3 x 3 % / 8."""
    clock = make_clock(TrainingSettings(memorisation_interval=interval, batch_size=batch), data, run.diffusion.grid)
    assert (None if clock is None else clock._number) == number


def test_the_optimum_is_not_computed_of_what_has_none(run, data, monkeypatch):
    assert best_of_training(run, data) is not None
    cropped = replace(run.experiment, data=replace(run.experiment.data, random_crop=4))
    assert best_of_training(replace(run, experiment=cropped), data) is None
    monkeypatch.setattr("idm.run.levels.MOST_TRAINING_VALUES", len(data.train) * 64 - 1)
    assert best_of_training(run, data) is None
    found = level_scores(run, data, BoundRequest(num=10))
    assert found.training is not None
    assert found.training.excess is None
