"""What is fitted to the training data after training: the variance of the decoder."""

import math
import platform
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from idm.core.rng import derive_seed
from idm.core.signals import StopError, at_once
from idm.diffusion import GaussianDiffusion
from idm.experiment.acceleration import in_precision
from idm.experiment.data import Data
from idm.experiment.settings import Experiment
from idm.likelihood import fit_decoder_log_variance, with_decoder_log_variance
from idm.networks.size import device_of
from idm.training.memory import in_smaller_pieces

NUM_IMAGES, BATCH_SIZE = 1024, 512
FITTED = "decoder_log_variance"


def calibrate(
    experiment: Experiment,
    diffusion: GaussianDiffusion,
    network: nn.Module,
    data: Data,
    *,
    num: int = NUM_IMAGES,
    batch_size: int = BATCH_SIZE,
) -> dict[str, Any]:
    """Fit what is fitted to the first training samples, JSON-able; nothing where the model's own variance is wanted.

    Args:
        experiment: the settings.
        diffusion: the process.
        network: the averaged network; it is called where it is.
        data: the data.
        num: how many samples.
        batch_size: samples per call of the network, at first; fewer where memory is short.

    Raises:
        NumericalError: what the network returns is not finite.
        ProcessError: memory is short even for single images.
    """
    if experiment.diffusion.decoder_variance == "model":
        return {}
    device = device_of(network)
    x_start, labels = data.train.first(num)

    def fit(size: int) -> float:
        return fit_decoder_log_variance(
            diffusion,
            in_precision(network, experiment.training.precision),
            x_start.to(device),
            clip_denoised=data.spec.codec.bounded,
            model_kwargs={} if labels is None else {"y": labels.to(device)},
            # Image i has seed + i: shifted, no seed comes near the end of 64 bits.
            seed=derive_seed(experiment.seed, "calibration") >> 16,
            batch_size=size,
        )

    return {FITTED: in_smaller_pieces(batch_size, fit)}


def calibrate_in_time(
    experiment: Experiment, diffusion: GaussianDiffusion, network: nn.Module, data: Data, *, batch_size: int
) -> dict[str, Any]:
    """Do what ``calibrate`` does; once somebody wants to stop, with what one call of the network tells."""
    try:
        with at_once():
            return calibrate(experiment, diffusion, network, data, batch_size=batch_size)
    except StopError:
        return calibrate(experiment, diffusion, network, data, num=batch_size, batch_size=batch_size)


def calibrated(diffusion: GaussianDiffusion, fitted: dict[str, Any]) -> GaussianDiffusion:
    """Return the process with what ``calibrate`` found.

    Raises:
        ValueError: something else.
    """
    value = fitted.get(FITTED)
    if value is not None and not (isinstance(value, float) and math.isfinite(value)):
        raise ValueError(f"{FITTED}: a finite number wanted, got something else")
    return diffusion if value is None else with_decoder_log_variance(diffusion, value)


def versions() -> dict[str, str]:
    """Return the versions that a checkpoint is written by."""
    return {"idm": version("idm"), "python": platform.python_version(), "torch": torch.__version__}
