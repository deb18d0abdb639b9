"""Training an experiment in a run folder."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from idm.core.errors import ResumeError
from idm.core.rng import derive_seed
from idm.diffusion import GaussianDiffusion
from idm.experiment.acceleration import for_training, in_precision
from idm.experiment.build import best_device, build_diffusion, build_network, build_sampler, null_label
from idm.experiment.data import Data, DataSpec, open_data, with_absolute_path
from idm.experiment.run import Run, load
from idm.experiment.settings import Experiment
from idm.experiment.stored import stored_experiment
from idm.experiment.validate import flat, from_plain, to_plain
from idm.likelihood import fit_decoder_log_variance
from idm.timesteps import TIMESTEP_SAMPLERS, TimestepSampler
from idm.training import Deadline, Tracker, Trainer, TrainStep, latest_checkpoint
from idm.training.disk import replace_text

FREE_TO_CHANGE = (
    "data.source.path",
    "data.held_out_list",
    "network.checkpoint_levels",
    "sampler",
    "training.num_steps",
    "training.micro_batch_size",
    "training.log_interval",
    "training.save_interval",
    "training.keep_checkpoints",
    "training.keep_every",
    "training.keep_best",
    "training.sample_interval",
)
"""Settings (or whole sections) that a resumed run may change; data at another place must be the same data."""

LISTED_DIFFERENCES = 5
"""So many differences from the run in a folder are told one by one."""

CALIBRATION_IMAGES = 1024
Preview = Callable[[int, Run], None]


@dataclass(frozen=True, eq=False)
class Start:
    """What is about to be trained.

    Attributes:
        data: the opened data.
        diffusion: the process.
        network: the network, on its device.
        device: where it is trained.
        num_steps_done: optimiser steps done before, above 0 in a resumed run.
    """

    data: Data
    diffusion: GaussianDiffusion
    network: nn.Module
    device: torch.device
    num_steps_done: int


Announce = Callable[[Start], None]


def train(
    experiment: Experiment,
    run: Path,
    *,
    device: str | None = None,
    announce: Announce | None = None,
    preview: Preview | None = None,
    trackers: Sequence[Tracker] = (),
    max_seconds: float | None = None,
    progress: bool = True,
) -> Run:
    """Train, or go on with the run in that folder, and return the trained model.

    Nothing is written before data, network and settings are known to fit together.

    Args:
        experiment: everything that defines the run.
        run: folder of the run; made if it is not there.
        device: where to train; the best one found by default.
        announce: told what is about to be trained, once everything is known to fit together.
        preview: called at every ``training.sample_interval`` with the step and the model so far.
        trackers: told every line of metrics.
        max_seconds: stop, as on a signal, after so long; None: no limit.
        progress: show progress.

    Raises:
        SettingsError: settings that do not fit.
        DataError: data that cannot be used.
        ResumeError: the folder holds a run with other settings.
        InterruptedRunError: stopped on request; the state is saved.
    """
    deadline = Deadline(max_seconds)
    task = _prepare(experiment, run, best_device(device))
    refuse_other_run(task.experiment, task.data, run)
    _write_settings(task)
    trainer = _trainer(task, preview, trackers, deadline, progress=progress)
    if announce is not None:
        announce(Start(task.data, task.diffusion, task.network, task.device, trainer.num_steps_done))
    return load(trainer.run().path, device=str(task.device))


@dataclass(frozen=True, eq=False)
class _Task:
    """What is trained, built and known to fit together."""

    experiment: Experiment
    run: Path
    data: Data
    diffusion: GaussianDiffusion
    network: nn.Module
    timesteps: TimestepSampler
    device: torch.device


def _prepare(experiment: Experiment, run: Path, device: torch.device) -> _Task:
    """Open the data and build everything, the sampler included; nothing is written."""
    experiment = from_plain(Experiment, to_plain(with_absolute_path(experiment)))  # with every option written out
    data = open_data(experiment.data, seed=experiment.seed)
    diffusion = build_diffusion(experiment, data.spec)
    network = build_network(experiment, data.spec, diffusion.out_channels(data.spec.shape[0])).to(device)
    timesteps = TIMESTEP_SAMPLERS.build(
        experiment.timesteps.name, experiment.timesteps.options, num_timesteps=diffusion.num_timesteps
    )
    build_sampler(diffusion, experiment.sampler)
    return _Task(experiment, run, data, diffusion, network, timesteps, device)


def _write_settings(task: _Task) -> None:
    task.run.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(to_plain(task.experiment), sort_keys=False)
    replace_text(task.run / "experiment.yaml", text)


def _trainer(
    task: _Task, preview: Preview | None, trackers: Sequence[Tracker], deadline: Deadline, *, progress: bool
) -> Trainer:
    experiment, step = task.experiment, _train_step(task)

    def describe(averaged: nn.Module) -> dict[str, dict[str, Any]]:
        return {
            "experiment": to_plain(experiment),
            "data": task.data.spec.to_plain(),
            "calibration": _calibration(experiment, task.data, step, averaged),
            "versions": {"idm": version("idm"), "python": platform.python_version(), "torch": torch.__version__},
        }

    def show(number: int, averaged: nn.Module) -> None:
        assert preview is not None
        preview(number, Run(task.run, number, experiment, task.data.spec, averaged, task.diffusion, task.device))

    return Trainer(
        task.network,
        step,
        experiment.training,
        task.run,
        describe=describe,
        preview=None if preview is None else show,
        trackers=trackers,
        deadline=deadline,
        show_progress=progress,
    )


def _train_step(task: _Task) -> TrainStep:
    settings = task.experiment.training
    return TrainStep(
        for_training(task.network, settings),
        task.diffusion,
        task.timesteps,
        task.data.train,
        settings,
        seed=task.experiment.seed,
        device=task.device,
        null_label=null_label(task.experiment, task.data.spec),
    )


def _calibration(experiment: Experiment, data: Data, step: TrainStep, averaged: nn.Module) -> dict[str, Any]:
    """Fit to the training data what is fitted after training: the decoder's variance."""
    if experiment.diffusion.decoder_variance == "model":
        return {}
    x_start, labels = data.train.first(CALIBRATION_IMAGES)
    kwargs = {} if labels is None else {"y": labels.to(step.device)}
    fitted = fit_decoder_log_variance(
        step.diffusion,
        in_precision(averaged, experiment.training.precision),
        x_start.to(step.device),
        clip_denoised=data.spec.codec.bounded,
        model_kwargs=kwargs,
        # Image i has seed + i: shifted, no seed comes near the end of 64 bits.
        seed=derive_seed(experiment.seed, "calibration") >> 16,
    )
    return {"decoder_log_variance": fitted}


def refuse_other_run(experiment: Experiment, data: Data, run: Path) -> None:
    """Refuse to continue a run whose settings or data are others; a folder without a checkpoint is free.

    Raises:
        ResumeError: a line that says so, and one for each of the first differences.
    """
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        return
    lines = _differences(stored_experiment(checkpoint), experiment)
    if DataSpec.from_plain(checkpoint.document("data")) != data.spec:
        lines.append("data: this run was started on other data")
    if not lines:
        return
    more = len(lines) - LISTED_DIFFERENCES
    raise ResumeError(
        f"{run} holds another run: its settings and data wanted, got others; keep them, or choose a new folder",
        *lines[:LISTED_DIFFERENCES],
        *([f"... and {more} more"] if more > 0 else []),
    )


def _differences(started: Experiment, wanted: Experiment) -> list[str]:
    then, now = flat(to_plain(started)), flat(to_plain(wanted))
    return [
        f"{key}: this run was started with {then.get(key)!r}, got {now.get(key)!r}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and not key.startswith(FREE_TO_CHANGE)
    ]
