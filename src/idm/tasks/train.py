"""Training an experiment in a run folder."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from idm.core.errors import CheckpointError, DataError, InterruptedRunError, SettingsError
from idm.core.files import write_atomically
from idm.core.progress import warn
from idm.core.ranks import Ranks, joined_ranks
from idm.core.signals import StopError, at_once, stop_on_signals
from idm.core.text import one_line
from idm.diffusion import GaussianDiffusion
from idm.networks.size import device_of
from idm.networks.stored import with_shapes
from idm.run import Data, Run, best_device, build_diffusion, build_network, build_sampler, load, open_data
from idm.run.acceleration import for_training
from idm.run.build import null_label
from idm.run.calibrate import BATCH_SIZE, calibrate, calibrate_in_time, calibrated, versions
from idm.run.data import with_absolute_path
from idm.run.evaluate import held_out_estimate
from idm.run.run import SAMPLED_AT_ONCE, UNFIT
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.validate import flat
from idm.storage.lock import locked
from idm.storage.manifest import LARGEST_JSON_BYTES, as_text
from idm.storage.retention import folders
from idm.tasks.data_folder import places_of
from idm.tasks.initial import DOCUMENT, InitialWeights, Origin, begin_with, origin_of_run
from idm.tasks.outcome import losses_of, reason_to_doubt
from idm.tasks.resume import (
    MACHINE_SETTINGS,
    refuse_other_run,
    remembered_data,
    stored_shapes,
    with_range_of_run,
)
from idm.tasks.run_folder import SETTINGS, require_run_folder, settings_text
from idm.timesteps import TIMESTEP_SAMPLERS, LevelSampler
from idm.training import Deadline, Tracker, Trainer, TrainStep
from idm.training.memory import in_smaller_pieces
from idm.training.spreads import spread_over

MEASURED_AT_ONCE = 128
"""Most (image, step) pairs that go through the network at once when the held-out bound is estimated."""

SMALL_VALUES = 2**16
"""Values that go through a network in no time."""

Preview = Callable[[int, Run], None]


@dataclass(frozen=True, eq=False)
class Start:
    """What is about to be trained.

    Attributes:
        experiment: everything that defines the run, ``adapt``ed.
        data: the opened data.
        diffusion: the process.
        network: the network, on its device.
        device: where it is trained.
        num_steps_done: optimiser steps done before, above 0 in a resumed run.
        num_processes: how many processes train together.
        origin: where the weights came from that the run began with; None: they were random.
    """

    experiment: Experiment
    data: Data
    diffusion: GaussianDiffusion
    network: nn.Module
    device: torch.device
    num_steps_done: int
    num_processes: int = 1
    origin: Origin | None = None


Announce = Callable[[Start], None]
Adapt = Callable[[Experiment, int], Experiment]
"""Given an experiment and how many samples there are to train on: the experiment with settings that suit them."""


def as_it_is(experiment: Experiment, num_train: int) -> Experiment:
    """Adapt nothing."""
    return experiment


def train(
    experiment: Experiment,
    run: str | Path,
    *,
    device: str | None = None,
    init: str | Path | None = None,
    adapt: Adapt = as_it_is,
    announce: Announce | None = None,
    preview: Preview | None = None,
    trackers: Sequence[Tracker] = (),
    max_seconds: float | None = None,
    progress: bool = True,
    trust_code: bool = False,
) -> Run:
    """Train, or go on with the run in that folder, and return the trained model.

    Nothing is written before data, network and settings are known to fit together.

    Args:
        experiment: everything that defines the run.
        run: folder of the run; made if it is not there.
        device: where to train; the best one found by default.
        init: another run, or one checkpoint, whose first average the network begins with; of no effect where the run
            goes on.
        adapt: changes settings of training once it is known how many samples there are to train on.
        announce: told what is about to be trained, once everything is known to fit together.
        preview: called at every ``training.sample_interval`` with the step and the model so far, less often where that
            takes more than a small share of the time, and at the end; a stop leaves it by ``StopError``.
        trackers: told every line of metrics.
        max_seconds: stop, as on a signal, after so long; None: no limit.
        progress: show progress.
        trust_code: whether the code that a custom source names may be imported and called.

    Raises:
        SettingsError: settings that do not fit.
        DataError: data that cannot be used, or that code makes which is not trusted.
        ResumeError: the folder holds a run with other settings.
        CheckpointError: every checkpoint in the folder is damaged, or the disk refuses.
        InterruptedRunError: stopped on request; the state is saved.
    """
    if not isinstance(cast(object, experiment), Experiment):
        raise SettingsError(
            f"experiment: an Experiment wanted, such as that of idm.load(RUN), got {type(experiment).__name__}"
        )
    deadline = Deadline(max_seconds)
    with stop_on_signals("leaving what was begun", deadline.passed) as stop:
        where = best_device(device)
        with joined_ranks(where) as ranks:
            path = _train(
                experiment,
                Path(run),
                where,
                ranks,
                None if init is None else Path(init),
                adapt,
                announce,
                preview,
                trackers,
                deadline,
                progress=progress,
                trust_code=trust_code,
            )
        if stop.received:
            raise InterruptedRunError(
                f"training: all {experiment.training.num_steps:,} steps are done and saved in {run}, and a stop was "
                "asked for; the same command again draws the last samples"
            )
    return load(path, device=str(where), trust_code=trust_code)


def _train(
    experiment: Experiment,
    run: Path,
    device: torch.device,
    ranks: Ranks,
    init: Path | None,
    adapt: Adapt,
    announce: Announce | None,
    preview: Preview | None,
    trackers: Sequence[Tracker],
    deadline: Deadline,
    *,
    progress: bool,
    trust_code: bool,
) -> Path:
    """Train in one of the processes of a job; nothing that lives on them outlives the call."""
    ranks.on_main(lambda: require_run_folder(run, places_of(experiment.data)))
    with ExitStack() as stack:
        try:
            with at_once():
                task = _prepare(experiment, run, device, ranks, init, adapt, trust_code=trust_code)
                ranks.on_main(lambda: _claim(task, stack))
                if ranks.is_main:
                    for remark in task.data.remarks:
                        warn(remark)
                trainer = _trainer(task, preview, trackers, deadline, progress=progress)
                if announce is not None and ranks.is_main:
                    done = trainer.num_steps_done
                    opened = (task.experiment, task.data, task.diffusion, task.network)
                    announce(Start(*opened, device, done, ranks.size, task.origin))
        except StopError as stop:
            raise InterruptedRunError(
                f"training: stopped before it began, with nothing to save in {run}; run the same command to start again"
            ) from stop
        return _trained(task, trainer)


def _trained(task: "_Task", trainer: Trainer) -> Path:
    """Train to the end, and say so where that was in vain."""
    before = trainer.num_steps_done
    path = trainer.run().path
    if task.ranks.is_main and trainer.num_steps_done > before:
        losses = losses_of(task.run) if task.origin is None else []  # trained weights need not improve
        doubt = reason_to_doubt(task.experiment.training, losses)
        if doubt:
            warn(doubt)
    return path


def _claim(task: "_Task", stack: ExitStack) -> None:
    """Make the folder this run's, unless it became another's meanwhile, and hold it."""
    if folders(task.run) != task.checkpoints:
        refuse_other_run(task.experiment, task.data, task.run)
    stack.enter_context(locked(task.run))
    _write_settings(task)


@dataclass(frozen=True, eq=False)
class _Task:
    """What is trained, built and known to fit together."""

    experiment: Experiment
    run: Path
    data: Data
    diffusion: GaussianDiffusion
    network: nn.Module
    timesteps: LevelSampler
    device: torch.device
    ranks: Ranks
    origin: Origin | None
    checkpoints: list[Path]


def _prepare(
    experiment: Experiment,
    run: Path,
    device: torch.device,
    ranks: Ranks,
    init: Path | None,
    adapt: Adapt,
    *,
    trust_code: bool,
) -> _Task:
    """Open the data and build everything, the sampler included; nothing is written."""
    experiment = from_plain(Experiment, to_plain(with_absolute_path(experiment)))  # with every option written out
    experiment = with_range_of_run(experiment, run)
    before = remembered_data(run)
    data = open_data(experiment.data, seed=experiment.seed, trust_code=trust_code, before=before)
    experiment = adapt(experiment, data.spec.num_train)
    if experiment.training.batch_size < ranks.size:
        raise SettingsError(
            f"training.batch_size: an image for each of the {ranks.size} processes wanted, "
            f"got {experiment.training.batch_size}; start fewer processes"
        )
    _refuse_long_names(data)
    diffusion = build_diffusion(experiment, data.spec)
    checkpoints, shapes = ranks.on_main(lambda: _stored(experiment, data, run))
    network = _network(experiment, data, diffusion, shapes, run)
    origin = _begun(network, experiment, data, run, ranks, init)
    network = network.to(device)
    timesteps = TIMESTEP_SAMPLERS.build(
        experiment.timesteps.name, experiment.timesteps.options, num_timesteps=diffusion.num_timesteps
    )
    build_sampler(diffusion, experiment.sampler)
    _refuse_disagreement(ranks, experiment, data)
    return _Task(experiment, run, data, diffusion, network, timesteps, device, ranks, origin, checkpoints)


def _begun(
    network: nn.Module, experiment: Experiment, data: Data, run: Path, ranks: Ranks, init: Path | None
) -> Origin | None:
    """Give the network of a new run its first weights, with a warning of what begins anew; say where they are from.

    Raises:
        SettingsError: weights that do not fit, or the run's own.
        CheckpointError: there are none.
    """
    if init is not None and run.resolve() in (init.resolve(), *init.resolve().parents):
        raise SettingsError(f"--out {run}: another folder than that of the run to begin with wanted, got the same")
    if init is None or folders(run):
        return origin_of_run(run)
    initial = InitialWeights.read(init)
    for note in begin_with(initial, network, experiment, data.spec):
        if ranks.is_main:
            warn(note)
    return initial.origin


def _stored(experiment: Experiment, data: Data, run: Path) -> tuple[list[Path], list[tuple[int, ...]] | None]:
    """Return the checkpoints of a run that may be continued, and the shapes of its weights; None where it begins."""
    checkpoints, newest = folders(run), refuse_other_run(experiment, data, run)
    return checkpoints, None if newest is None else stored_shapes(newest, experiment.training)


def _network(
    experiment: Experiment, data: Data, diffusion: GaussianDiffusion, shapes: list[tuple[int, ...]] | None, run: Path
) -> nn.Module:
    """Build the network; where training goes on, nothing but what weights are stored of.

    Raises:
        SettingsError: settings that do not fit the data.
        CheckpointError: settings of a run that do not fit its weights.
    """
    out_channels = diffusion.out_channels(data.spec.shape[0])
    if shapes is None:
        return build_network(experiment, data.spec, out_channels)
    try:
        with with_shapes(shapes):
            return build_network(experiment, data.spec, out_channels)
    except UNFIT as error:
        raise CheckpointError(
            f"run {run}: its settings do not fit its weights ({one_line(error)}); use another run"
        ) from error


def _refuse_long_names(data: Data) -> None:
    """Refuse more names of classes than a checkpoint can hold, before anything is trained.

    Raises:
        DataError: they are too many, or too long.
    """
    size = len(as_text(data.spec.to_plain()).encode("utf-8"))
    if size > LARGEST_JSON_BYTES:
        raise DataError(
            f"data: names of {data.spec.num_classes:,} classes in at most {LARGEST_JSON_BYTES:,} bytes wanted, "
            f"got {size:,}; give fewer classes or shorter names"
        )


def _refuse_disagreement(ranks: Ranks, experiment: Experiment, data: Data) -> None:
    """Refuse to train together on what is not the same everywhere; where the data lie may differ.

    Raises:
        SettingsError: settings differ between processes.
        DataError: data do.
    """
    settings = {key: value for key, value in flat(to_plain(experiment)).items() if not key.startswith(MACHINE_SETTINGS)}
    found = ranks.gather((repr(settings), repr(data.spec.to_plain()), len(data.train), len(data.held_out)))
    for rank, (theirs, *their_data) in enumerate(found):
        wanted = f"process {rank} of {ranks.size}: the {{}} of process 0 wanted, got others; give all the same"
        if theirs != found[0][0]:
            raise SettingsError(wanted.format("settings"))
        if their_data != list(found[0][1:]):
            raise DataError(wanted.format("data"))


def _write_settings(task: _Task) -> None:
    write_atomically(task.run / SETTINGS, settings_text(to_plain(task.experiment)), durable=True)


def _trainer(
    task: _Task, preview: Preview | None, trackers: Sequence[Tracker], deadline: Deadline, *, progress: bool
) -> Trainer:
    experiment, step = task.experiment, _train_step(task)

    def fitting(most: int) -> int:
        """As many samples at once as training takes, or as are small in any case."""
        return min(most, max(step.micro_batches.size, SMALL_VALUES // math.prod(task.data.spec.shape)))

    def describe(averaged: nn.Module) -> dict[str, dict[str, Any]]:
        return {
            "experiment": to_plain(experiment),
            "data": task.data.spec.to_plain(),
            "calibration": calibrate_in_time(
                experiment, task.diffusion, averaged, task.data, batch_size=fitting(BATCH_SIZE)
            ),
            "versions": versions(),
            **({} if task.origin is None else {DOCUMENT: task.origin.to_plain()}),
        }

    def as_run(averaged: nn.Module, diffusion: GaussianDiffusion, number: int = 0) -> Run:
        where = device_of(averaged)
        return Run(
            task.run,
            number,
            experiment,
            task.data.spec,
            averaged,
            diffusion,
            where,
            batch_size=fitting(SAMPLED_AT_ONCE),
        )

    def show(number: int, averaged: nn.Module) -> None:
        assert preview is not None
        preview(number, as_run(averaged, task.diffusion, number))

    def measure(averaged: nn.Module) -> dict[str, float]:
        fitted = calibrate(
            experiment, task.diffusion, averaged, task.data, num_levels=1, batch_size=fitting(BATCH_SIZE)
        )
        run = as_run(averaged, calibrated(task.diffusion, fitted))
        num = experiment.training.bound_images
        found = in_smaller_pieces(
            fitting(MEASURED_AT_ONCE), lambda size: held_out_estimate(run, task.data, num=num, batch_size=size)
        )
        return {"held_out_bpd": found.mean, "held_out_bpd_error": found.standard_error}

    return Trainer(
        task.network,
        step,
        experiment.training,
        task.run,
        describe=describe,
        preview=None if preview is None else show,
        measure=measure if len(task.data.held_out) else None,
        trackers=trackers,
        deadline=deadline,
        show_progress=progress,
    )


def _train_step(task: _Task) -> TrainStep:
    settings = task.experiment.training
    spread = spread_over(task.ranks, task.network, settings.shard)
    return TrainStep(
        for_training(spread.model, settings),
        task.diffusion,
        task.timesteps,
        task.data.train,
        settings,
        seed=task.experiment.seed,
        device=task.device,
        null_label=null_label(task.experiment, task.data.spec),
        spread=spread,
        seeded_dropout=getattr(task.network, "dropout", 0.0) > 0.0,
    )
