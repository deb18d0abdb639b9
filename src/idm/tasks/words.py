"""Models and data in a line of words each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import nn

from idm.core.text import counted
from idm.diffusion import GaussianDiffusion
from idm.networks import num_parameters
from idm.run import DataSpec
from idm.settings import Experiment
from idm.settings.files import value_in_words
from idm.tasks.initial import Origin


def data_in_words(spec: DataSpec) -> str:
    """1,500 samples of 1 x 8 x 8, uint8 with 17 levels, 10 classes, 297 held out."""
    codec = spec.codec
    values = f"{codec.dtype} with {codec.grid}" if codec.levels else f"continuous {codec.dtype}"
    classes = ", ".join(_told_in_words(spec)) or "no classes"
    shape = " x ".join(map(str, spec.shape))
    known = spec.num_train + spec.num_held_out > 0  # not so for imported weights
    count, held_out = (f"{spec.num_train:,} ", f", {spec.num_held_out:,} held out") if known else ("", "")
    return f"{count}samples of {shape}, {values}, {classes}{held_out}"


def _told_in_words(spec: DataSpec) -> list[str]:
    """What the network is told of each sample: its class, and its condition."""
    found = [counted(spec.num_classes, "class")] if spec.num_classes else []
    if spec.condition is not None:
        found.append(f"conditions of {' x '.join(map(str, spec.condition.shape))}, {spec.condition.codec.words}")
    return found


def network_in_words(experiment: Experiment, network: nn.Module) -> str:
    """Name and size of a network."""
    return f"{experiment.network.name}, {num_parameters(network):,} parameters"


def origin_in_words(origin: Origin) -> str:
    """Average and checkpoint that a run began with."""
    return f"{origin.weights} of {origin.checkpoint}, step {origin.step:,}, SHA-256 {origin.sha256[:16]}…"


def process_in_words(experiment: Experiment, diffusion: GaussianDiffusion) -> str:
    """Schedule, prediction, variance and loss."""
    kept, total = diffusion.num_timesteps, len(diffusion.grid.schedule_times)
    noise = diffusion.grid.levels.sigma.tolist()
    left = f"{kept:,} of {total:,} steps, those with noise from {noise[0]:.2g} to {noise[-1]:.4g}"
    steps = counted(kept, "step") if kept == total else left
    settings = experiment.diffusion
    parts = (settings.prediction, settings.variance, settings.loss)
    words = ", ".join(part.name.lower() for part in parts)
    weights = "" if settings.weighting == "uniform" else f" with {settings.weighting} weights"
    deviation = f", sigma_data={settings.sigma_data}" if settings.uses_sigma_data else ""
    levels = "" if experiment.timesteps.name == "uniform" else f", {experiment.timesteps.name} levels"
    return f"{experiment.schedule.name} schedule, {steps}; {words}{weights}{deviation}{levels}"


def without_folders(plain: Any) -> Any:
    """Return settings with the last name of every path that begins at the root, as others need not know of folders."""
    if isinstance(plain, Mapping):
        return {name: without_folders(value) for name, value in cast("Mapping[str, Any]", plain).items()}
    if isinstance(plain, (list, tuple)):
        return [without_folders(value) for value in cast("Sequence[Any]", plain)]
    return (Path(plain).name or plain) if isinstance(plain, str) and Path(plain).is_absolute() else plain


def options_in_words(plain: Mapping[str, Any]) -> str:
    """Settings with commas between them."""
    return ", ".join(f"{name}={value_in_words(value)}" for name, value in plain.items())
