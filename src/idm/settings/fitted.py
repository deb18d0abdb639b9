"""Settings of training that follow from the length of a run and from how many samples it has.

They are derived where nobody gave them: a preset's, or those of inferred settings, suit its usual number of steps, and
are brought to another one. What a user gives is never changed, and a run that goes on keeps its length and what it was
started with.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from idm.settings.experiment import Experiment
from idm.training import TrainingSettings

LONGEST_WARMUP = 10
"""The warm-up is at most the number of all steps divided by this."""

LONGEST_INTERVALS = {
    "log_interval": 20,
    "save_interval": 4,
    "snapshot_interval": 4,
    "sample_interval": 1,
    "bound_interval": 1,
    "memorisation_interval": 10,
}
"""Intervals are at most the number of all steps divided by this; 0, which is none, stays 0.

Grids of samples and bounds, which take as long as tens of steps, need no more than those at the end of a short run.
"""

SHORTEST_AVERAGE = 2.0
"""Fewest steps that an average looks back on, 1 / (1 - rate)."""

OF_A_STARTED_RUN = ("num_steps", "batch_size", "warmup_steps", "ema_rates")
"""Of these settings, those that a run keeps in any case: its length, and what it cannot change on its way."""


def fitted(
    experiment: Experiment, usual: TrainingSettings, given: Collection[str], started: Mapping[str, Any] | None = None
) -> Experiment:
    """Return the experiment with the settings of training that nobody gave brought to its number of steps.

    Warm-up and intervals are bounded by shares of the run, and averages keep their share of it.

    Args:
        experiment: the experiment.
        usual: settings for the usual number of steps.
        given: names of the settings of training that were given; they stay.
        started: what ``kept`` takes from the run in the folder, if there is one.
    """
    own = {"num_steps": usual.num_steps, **(started or {})}
    steps = experiment.training.num_steps if "num_steps" in given else own["num_steps"]
    found = {name: value for name, value in (_derived(usual, steps) | own).items() if name not in given}
    return replace(experiment, training=replace(experiment.training, **found))


def kept(started: TrainingSettings, usual: TrainingSettings) -> dict[str, Any]:
    """Return the derived settings that a run goes on with: those that it cannot change, and those once given to it."""
    derived = _derived(usual, started.num_steps)
    own = {name: getattr(started, name) for name in ("num_steps", *derived)}
    return {name: value for name, value in own.items() if name in OF_A_STARTED_RUN or value != derived[name]}


def _derived(usual: TrainingSettings, steps: int) -> dict[str, Any]:
    """Bring settings for the usual number of steps to another one."""
    return {
        "batch_size": usual.batch_size,
        "warmup_steps": min(usual.warmup_steps, steps // LONGEST_WARMUP),
        "ema_rates": _rates(usual, steps),
        **{name: min(getattr(usual, name), max(1, steps // share)) for name, share in LONGEST_INTERVALS.items()},
    }


def with_fitting_batches(experiment: Experiment, num_train: int) -> Experiment:
    """Return the experiment with batches that are no larger than the ``num_train`` samples to train on."""
    training = experiment.training
    return replace(experiment, training=replace(training, batch_size=min(training.batch_size, max(1, num_train))))


def _rates(usual: TrainingSettings, steps: int) -> tuple[float, ...]:
    """Rates of averages that are as long a share of ``steps`` as the usual ones are of theirs."""
    if steps == usual.num_steps:
        return usual.ema_rates
    share = steps / usual.num_steps
    return tuple(dict.fromkeys(_rate(max(SHORTEST_AVERAGE, share / (1.0 - rate))) for rate in usual.ema_rates))


def _rate(length: float) -> float:
    """Return the rate of an average over a number of steps, to two digits of what each step forgets."""
    return round(1.0 - float(f"{1.0 / length:.2g}"), 12)
