"""Whether the run in a folder may be continued with the settings and data that are asked for."""

from dataclasses import replace
from pathlib import Path

from idm.core.errors import CheckpointError, ResumeError
from idm.core.phrasing import Call
from idm.core.progress import warn
from idm.core.text import json_text
from idm.run import Data, DataSpec
from idm.run.deviation import standard_deviation
from idm.run.spec import data_differences
from idm.run.stored import experiment_to_continue, started_experiment, stored_spec
from idm.settings import Experiment, to_plain
from idm.settings.experiment import AUTO, DataSettings
from idm.settings.validate import flat
from idm.storage import Checkpoint
from idm.storage.newest import checkpoint_to_continue
from idm.tasks.growth import growth
from idm.training import TrainingSettings
from idm.training.ema import ConstantRate, PowerFunction
from idm.training.learning_rate import learning_rate

MACHINE_SETTINGS = (
    "data.source.path",
    "data.source.folder",
    "data.condition.path",
    "data.condition.folder",
    "data.held_out_list",
    "data.table",
    "data.workers",
    "data.timeout",
)
"""Settings that tell where data lie on a machine, and how it reads them."""

FREE_TO_CHANGE = (
    *MACHINE_SETTINGS,
    "network.checkpoint_stages",
    "sampler",
    "training.num_steps",
    "training.micro_batch_size",
    "training.shard",
    "training.snapshot_interval",
    "training.log_interval",
    "training.save_interval",
    "training.keep_checkpoints",
    "training.keep_every",
    "training.keep_best",
    "training.sample_interval",
    "training.bound_interval",
    "training.bound_images",
    "training.memorisation_interval",
    "training.best_before_memorisation",
)
"""Settings (or whole sections) that a resumed run may change; data at another place must be the same data."""

LISTED_DIFFERENCES = 5
"""Most differences from the run in a folder that are told one by one."""


def remembered_data(run_folder: Path) -> DataSpec | None:
    """Return what the run in a folder remembers of its data; None where nothing was begun.

    Raises:
        CheckpointError: every checkpoint in it is damaged.
    """
    checkpoint = checkpoint_to_continue(run_folder)
    return None if checkpoint is None else stored_spec(checkpoint)


def refuse_other_run(experiment: Experiment, data: Data, run_folder: Path) -> Checkpoint | None:
    """Refuse to continue a run whose settings or data are others; a folder without a checkpoint is free.

    The checkpoint to go on from is returned; None where training begins.

    Where a run with a decay is given another number of steps, a warning says how the learning rate jumps.

    Raises:
        ResumeError: a line that says so, and one for each of the first differences.
        CheckpointError: every checkpoint in it is damaged.
    """
    checkpoint = checkpoint_to_continue(run_folder)
    if checkpoint is None:
        return None
    started = experiment_to_continue(checkpoint)
    settings = _differences(started, experiment)
    then = stored_spec(checkpoint)
    others = data_differences(then, data.spec)
    if others and not settings and (new := growth(then, data)):
        raise ResumeError(_grown(run_folder, then, new, experiment.data))
    lines = settings + [f"data: this run was started on other data; {words}" for words in others]
    if not lines:
        if experiment.training.num_steps < checkpoint.step:
            raise ResumeError(
                f"training.num_steps: at least the {checkpoint.step:,} steps that {run_folder} has done wanted, "
                f"got {experiment.training.num_steps:,}; leave it out, or train in a new folder"
            )
        _warn_of_another_rate(checkpoint.step, started.training, experiment.training)
        return checkpoint
    more = len(lines) - LISTED_DIFFERENCES
    raise ResumeError(
        f"{run_folder} holds another run: its settings and data wanted, got others; keep them, or choose a new folder"
        f"{_as_it_was_started(run_folder) if len(lines) == len(settings) else ''}",
        *lines[:LISTED_DIFFERENCES],
        *([f"... and {more} more"] if more > 0 else []),
    )


def _grown(run_folder: Path, then: DataSpec, new: int, settings: DataSettings) -> str:
    count, weights = then.num_train + then.num_held_out, f"init={json_text(str(run_folder))}"
    path, condition = settings.source.get("path"), settings.condition.get("path")
    data = "" if path is None else f"{json_text(str(path))}, "
    data += "" if condition is None else f"condition={json_text(str(condition))}, "
    anew = Call(
        f'idm.train(idm.make_experiment({data}{weights}), "NEW", {weights})',
        ("train",),
        {"init": run_folder, "data": path, "condition": condition, "out": "NEW"},
    )
    return (
        f"data: {run_folder} was started on other data, which grew: got {new:,} new samples, and none of the {count:,} "
        f"is missing or changed; take the new ones away, or train on all of them in a new run that begins with its "
        f"weights: {anew}"
    )


def _as_it_was_started(run_folder: Path) -> str:
    folder = json_text(str(run_folder))
    again = Call(f"idm.train(idm.make_experiment(run_folder={folder}), {folder})", ("train",), {"out": run_folder})
    return f"; {again} goes on with it as it was started"


def with_range_of_run(experiment: Experiment, run_folder: Path) -> Experiment:
    """Go on with the range that the run in a folder has, where the range is left to be chosen.

    So a run goes on as it began also where another range would be chosen today.
    """
    started = None if experiment.data.range != AUTO else started_experiment(run_folder)
    if started is None:
        return experiment
    return replace(experiment, data=replace(experiment.data, range=started.data.range))


def with_sigma_data(experiment: Experiment, data: Data, run_folder: Path) -> Experiment:
    """Measure the deviation of the training data where it plays a part and is left to be found; a run keeps its own.

    Raises:
        SettingsError: values that are all the same.
    """
    settings = experiment.diffusion
    if settings.sigma_data != AUTO or not settings.uses_sigma_data:
        return experiment
    started = started_experiment(run_folder)
    found = standard_deviation(data.train) if started is None else started.diffusion.sigma_data
    return replace(experiment, diffusion=replace(settings, sigma_data=found))


def stored_shapes(checkpoint: Checkpoint, settings: TrainingSettings) -> list[tuple[int, ...]]:
    """Return the shapes of the weights that training goes on from.

    Raises:
        CheckpointError: they cannot be read, or an average that the settings name is not stored.
    """
    averages = [*map(ConstantRate, settings.ema_rates), *map(PowerFunction, settings.posthoc_sigma_rels)]
    if lacking := [average.name for average in averages if not checkpoint.has(average.name)]:
        raise CheckpointError(
            f"checkpoint {checkpoint.path}: averages of all its settings wanted, got no {lacking[0]}.safetensors; "
            "use another checkpoint of the run"
        )
    return list(checkpoint.shapes("network").values())


def _warn_of_another_rate(step: int, then: TrainingSettings, now: TrainingSettings) -> None:
    before, after = (learning_rate(settings, step) for settings in (then, now))
    if step < now.num_steps and before != after:
        warn(
            f"training.num_steps: {then.num_steps:,} became {now.num_steps:,}, and the learning rate with it: after "
            f"step {step:,} it is {after:.3g} instead of {before:.3g}"
        )


def _differences(started: Experiment, wanted: Experiment) -> list[str]:
    then, now = flat(to_plain(started)), flat(to_plain(wanted))
    return [
        f"{key}: this run was started with {then.get(key)!r}, got {now.get(key)!r}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and not key.startswith(FREE_TO_CHANGE)
    ]
