"""Settings of training that nobody gave follow from the length of the run."""

from dataclasses import replace

import pytest

from idm.presets import PRESETS, USUAL, fitted, with_fitting_batches
from idm.settings import Experiment
from idm.settings.fitted import kept
from idm.training import TrainingSettings
from idm.training.learning_rate import learning_rate

BASES = {
    "inferred": USUAL,
    "defaults": TrainingSettings(),
    **{name: PRESETS.build(name, {}).training for name in PRESETS},
}
LENGTHS = [1, 7, 60, 300, 5_000, 2_000_000]


def of_length(usual: TrainingSettings, steps: int, given: tuple[str, ...] = (), **values: object) -> TrainingSettings:
    wanted = Experiment(training=replace(usual, num_steps=steps, **values))
    return fitted(wanted, usual, {"num_steps", *given}).training


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("base", BASES)
def test_warm_up_and_intervals_are_shares_of_the_run(base: str, steps: int) -> None:
    found = of_length(BASES[base], steps)
    assert found.warmup_steps <= steps / 10
    assert found.log_interval <= max(1, steps / 20)
    assert max(found.save_interval, found.snapshot_interval) <= max(1, steps / 4)
    assert max(found.sample_interval, found.bound_interval) <= steps
    assert max(learning_rate(found, step) for step in range(min(steps, 3000))) == found.learning_rate


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("base", BASES)
def test_averages_look_back_on_the_same_share_of_a_run_of_any_length(base: str, steps: int) -> None:
    usual = BASES[base]
    for rate, usual_rate in zip(of_length(usual, steps).ema_rates, usual.ema_rates, strict=True):
        share = steps / (1.0 - usual_rate) / usual.num_steps
        assert 1.0 / (1.0 - rate) == pytest.approx(max(2.0, share), rel=0.06)


@pytest.mark.parametrize("base", BASES)
def test_a_run_of_the_usual_length_has_the_usual_settings(base: str) -> None:
    assert of_length(BASES[base], BASES[base].num_steps) == BASES[base]


def test_what_was_given_stays() -> None:
    given = {"warmup_steps": 500, "ema_rates": (0.9999,), "log_interval": 100, "batch_size": 7, "bound_interval": 70}
    found = of_length(USUAL, 60, tuple(given), **given)
    assert {name: getattr(found, name) for name in given} == given
    assert found.save_interval == 15


def test_no_interval_is_made_of_none() -> None:
    assert of_length(replace(USUAL, sample_interval=0), 60).sample_interval == 0


def test_a_started_run_keeps_what_it_cannot_change_and_what_was_given_to_it_and_the_rest_follows() -> None:
    own = {"batch_size": 9, "warmup_steps": 3, "ema_rates": (0.5, 0.9), "sample_interval": 0}
    started = kept(of_length(USUAL, 60, tuple(own), **own), USUAL)
    longer = fitted(Experiment(training=replace(USUAL, num_steps=600)), USUAL, {"num_steps"}, started).training
    assert {name: getattr(longer, name) for name in own} == own
    assert (longer.num_steps, longer.log_interval) == (600, 30)
    assert fitted(Experiment(training=USUAL), USUAL, (), started).training == of_length(USUAL, 60, tuple(own), **own)


@pytest.mark.parametrize(("samples", "batch"), [(1, 1), (63, 63), (64, 64), (1000, 64)])
def test_batches_hold_no_more_than_there_is_to_train_on(samples: int, batch: int) -> None:
    assert with_fitting_batches(Experiment(training=USUAL), samples).training.batch_size == batch
