"""Training an experiment in a run folder."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from idm.core.errors import ResumeError
from idm.core.rng import derive_seed
from idm.diffusion import GaussianDiffusion
from idm.experiment.build import best_device, build_diffusion, build_network, build_sampler, null_label
from idm.experiment.data import Data, open_data
from idm.experiment.run import Run, load
from idm.experiment.settings import Experiment
from idm.experiment.validate import from_plain, to_plain
from idm.likelihood import fit_decoder_log_variance
from idm.networks.precision import Autocast
from idm.timesteps import TIMESTEP_SAMPLERS
from idm.training import Trainer, TrainStep, latest_checkpoint

FREE_TO_CHANGE = (
    "sampler",
    "training.num_steps",
    "training.micro_batch_size",
    "training.log_interval",
    "training.save_interval",
    "training.keep_checkpoints",
    "training.sample_interval",
)
"""Settings (or whole sections) that a resumed run may change."""

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
        progress: show progress.

    Raises:
        SettingsError: settings that do not fit.
        DataError: data that cannot be used.
        ResumeError: the folder holds a run with other settings.
        InterruptedRunError: stopped on request; the state is saved.
    """
    where = best_device(device)
    experiment = from_plain(Experiment, to_plain(experiment))  # with every option written out
    data = open_data(experiment.data)
    diffusion = build_diffusion(experiment, data.spec)
    network = build_network(experiment, data.spec, diffusion.out_channels(data.spec.shape[0])).to(where)
    timesteps = TIMESTEP_SAMPLERS.build(
        experiment.timesteps.name, experiment.timesteps.options, num_timesteps=diffusion.num_timesteps
    )
    build_sampler(diffusion, experiment.sampler)
    refuse_other_run(experiment, data, run)
    run.mkdir(parents=True, exist_ok=True)
    (run / "experiment.yaml").write_text(yaml.safe_dump(to_plain(experiment), sort_keys=False), encoding="utf-8")
    low = experiment.training.precision == "bfloat16"
    step = TrainStep(
        Autocast(network) if low else network,
        diffusion,
        timesteps,
        data.train,
        experiment.training,
        seed=experiment.seed,
        device=where,
        null_label=null_label(experiment, data.spec),
    )

    def describe(averaged: nn.Module) -> dict[str, dict[str, Any]]:
        return {
            "experiment": to_plain(experiment),
            "data": data.spec.to_plain(),
            "calibration": _calibration(experiment, data, step, averaged),
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        }

    def show(number: int, averaged: nn.Module) -> None:
        assert preview is not None
        preview(number, Run(run, number, experiment, data.spec, averaged, diffusion, where))

    trainer = Trainer(
        network,
        step,
        experiment.training,
        run,
        describe=describe,
        preview=None if preview is None else show,
        show_progress=progress,
    )
    if announce is not None:
        announce(Start(data, diffusion, network, where, trainer.num_steps_done))
    return load(trainer.run().path, device=str(where))


def _calibration(experiment: Experiment, data: Data, step: TrainStep, averaged: nn.Module) -> dict[str, Any]:
    """Fit to the training data what is fitted after training: the decoder's variance."""
    if experiment.diffusion.decoder_variance == "model":
        return {}
    x_start, labels = data.train.first(CALIBRATION_IMAGES)
    kwargs = {} if labels is None else {"y": labels.to(step.device)}
    fitted = fit_decoder_log_variance(
        step.diffusion,
        averaged,
        x_start.to(step.device),
        model_kwargs=kwargs,
        seed=derive_seed(experiment.seed, "calibration") >> 16,
    )
    return {"decoder_log_variance": fitted}


def refuse_other_run(experiment: Experiment, data: Data, run: Path) -> None:
    """Refuse to continue a run whose settings or data are others; a folder without a checkpoint is free.

    Raises:
        ResumeError: one line per difference.
    """
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        return
    started = from_plain(Experiment, checkpoint.document("experiment"))
    then, now = _flat(to_plain(started)), _flat(to_plain(experiment))
    lines = [
        f"{key}: this run was started with {then.get(key)!r}, got {now.get(key)!r}; "
        f"keep the old value, or start a new run in another folder than {run}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and not key.startswith(FREE_TO_CHANGE)
    ]
    if checkpoint.document("data") != data.spec.to_plain():
        lines.append(f"data: this run was started on other data; start a new run in another folder than {run}")
    if lines:
        raise ResumeError(*lines)


def _flat(plain: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        where = f"{path}.{key}" if path else key
        flat |= _flat(value, where) if isinstance(value, dict) else {where: value}
    return flat
