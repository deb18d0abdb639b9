"""What is estimated from the training data after training: the error curve, and with it the variance of the decoder."""

import math
import platform
from dataclasses import asdict, fields
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from idm.core.rng import derive_seed
from idm.core.signals import StopError, at_once
from idm.diffusion import ErrorCurve, GaussianDiffusion
from idm.likelihood import estimate_error_curve, with_error_curve
from idm.likelihood.calibration import LEVELS_AFTER_TRAINING
from idm.networks.size import device_of
from idm.run.acceleration import in_precision
from idm.run.data import Data
from idm.run.residuals import network_denoiser
from idm.settings import Experiment
from idm.training.memory import in_smaller_pieces

NUM_IMAGES, BATCH_SIZE = 1024, 512
CURVE = "error_curve"
VARIANCE_OF_0_1 = "decoder_log_variance"
"""What runs of version 0.1 hold instead: the logarithm of the error at the lowest level alone."""

LARGEST_LOG = 100.0
"""Largest logarithm of an error or of kappa, up or down, of data that float32 holds."""

MOST_LEVELS = 4096
"""Most levels of a curve that is read."""


def calibrate(
    experiment: Experiment,
    diffusion: GaussianDiffusion,
    network: nn.Module,
    data: Data,
    *,
    num: int = NUM_IMAGES,
    num_levels: int = LEVELS_AFTER_TRAINING,
    batch_size: int = BATCH_SIZE,
) -> dict[str, Any]:
    """Estimate the curve from the first training samples, JSON-able; nothing where the model's own variance is wanted.

    Args:
        experiment: the settings.
        diffusion: the process.
        network: the averaged network; it is called where it is.
        data: the data.
        num: how many samples.
        num_levels: levels of the curve at the most; 1 for the decoder's alone.
        batch_size: samples per call of the network, at first; fewer where memory is short.

    Raises:
        NumericalError: what the network returns is not finite.
        ProcessError: memory is short even for single images.
    """
    if experiment.diffusion.decoder_variance == "model":
        return {}
    device = device_of(network)
    x_start, labels = data.train.first(num)
    conditioning = data.spec.label_kind.given(None if labels is None else labels.to(device))
    trained, spec = in_precision(network, experiment.training.precision), data.spec
    denoise = network_denoiser(diffusion, trained, network, conditioning, spec.shape, clip=spec.codec.bounded)
    # Image i has seed + i: shifted, no seed comes near the end of 64 bits.
    seed = derive_seed(experiment.seed, "calibration") >> 16

    def fit(size: int) -> ErrorCurve:
        x = x_start.to(device)
        return estimate_error_curve(diffusion, denoise, x, seed=seed, num_levels=num_levels, batch_size=size)

    return {CURVE: {name: list(numbers) for name, numbers in asdict(in_smaller_pieces(batch_size, fit)).items()}}


def calibrate_in_time(
    experiment: Experiment, diffusion: GaussianDiffusion, network: nn.Module, data: Data, *, batch_size: int
) -> dict[str, Any]:
    """Do what ``calibrate`` does; once somebody wants to stop, with what one call of the network tells."""
    try:
        with at_once():
            return calibrate(experiment, diffusion, network, data, batch_size=batch_size)
    except StopError:
        return calibrate(experiment, diffusion, network, data, num=batch_size, num_levels=1, batch_size=batch_size)


def calibrated(diffusion: GaussianDiffusion, fitted: dict[str, Any]) -> GaussianDiffusion:
    """Return the process with what ``calibrate`` found.

    Raises:
        ValueError: something else.
    """
    curve = _stored_curve(fitted, float(diffusion.grid.levels.kappa[0]))
    return diffusion if curve is None else with_error_curve(diffusion, curve)


def _stored_curve(fitted: dict[str, Any], lowest_kappa: float) -> ErrorCurve | None:
    """Return what a checkpoint holds, whose lowest level has that kappa.

    Raises:
        ValueError: something else.
    """
    if CURVE in fitted:
        stored = fitted[CURVE]
        columns: Any = [stored.get(field.name) for field in fields(ErrorCurve)] if isinstance(stored, dict) else [None]
        if not all(isinstance(numbers, list) and len(numbers) <= MOST_LEVELS for numbers in columns):
            raise ValueError(f"{CURVE}: lists of at most {MOST_LEVELS:,} numbers wanted, got others")
        log_kappa, error, standard_error = (tuple(numbers) for numbers in columns)
        given = [number for number in standard_error if number is not None]
        largest = max(map(abs, filter(_is_number, log_kappa)), default=0.0)
        if not all(map(_is_number, (*log_kappa, *error, *given))) or largest > LARGEST_LOG:
            raise ValueError(f"{CURVE}: numbers that data of float32 can have wanted, got others")
        if max(error, default=0.0) > math.exp(LARGEST_LOG):
            raise ValueError(f"{CURVE}: errors of at most exp({LARGEST_LOG:g}) wanted, got others")
        return ErrorCurve(log_kappa, error, standard_error)
    value = fitted.get(VARIANCE_OF_0_1)
    if value is None:
        return None
    if not (_is_number(value) and abs(value) <= LARGEST_LOG):
        raise ValueError(f"{VARIANCE_OF_0_1}: a number of at most {LARGEST_LOG:g} wanted, or below zero, got others")
    return ErrorCurve.at_one(lowest_kappa, math.exp(value))


def _is_number(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def versions() -> dict[str, str]:
    """Return the versions that a checkpoint is written by."""
    return {"idm": version("idm"), "python": platform.python_version(), "torch": torch.__version__}
