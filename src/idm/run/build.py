"""From settings to objects."""

from dataclasses import fields, replace
from typing import Any

import torch
from torch import nn

from idm.core.errors import DataError, IdmError, SettingsError
from idm.core.rng import derive_seed
from idm.core.text import one_line
from idm.diffusion import (
    EDM,
    P2,
    ContinuousDecoder,
    DiscretizedDecoder,
    ErrorCurve,
    GaussianDiffusion,
    MinSNR,
    Objective,
    OfPrediction,
    Sigmoid,
)
from idm.likelihood import with_error_curve
from idm.networks import OF_SPACE
from idm.networks.residual import ResidualNetwork
from idm.run.spec import DataSpec
from idm.samplers import Sampler
from idm.samplers.base import LARGEST_GAIN
from idm.schedules import Grid, refuse_more_steps, regrid
from idm.settings import Experiment
from idm.settings.experiment import AUTO, DiffusionSettings, SamplerSettings, ScheduleSettings
from idm.settings.schema import option_paths

LARGEST_AUTOMATIC_FLOOR = 0.1
"""Half a bin of very coarse data (1 for binary ones) would leave no fine steps at all."""


WEIGHTINGS = {"min_snr": MinSNR(), "p2": P2(), "sigmoid": Sigmoid(), "edm": EDM()}
"""By name, each with the numbers of its paper."""

USUAL_SIGMA_DATA = 0.5
"""Deviation of the data where none was measured (Karras et al. 2022)."""


def build_schedule(settings: ScheduleSettings, levels: int | None) -> Grid:
    """Build the schedule, starting at the noise floor of data with that many levels."""
    schedule: Grid = settings.build()
    floor = settings.noise_floor
    if floor == "auto":
        floor = 0.0 if levels is None else min(1.0 / (levels - 1), LARGEST_AUTOMATIC_FLOOR)
    with option_paths("schedule", ("noise_floor",)):
        return schedule.with_noise_floor(floor) if floor > 0 else schedule


def build_diffusion(experiment: Experiment, spec: DataSpec) -> GaussianDiffusion:
    """Build the process that the network is trained on.

    Where the decoder's variance will be fitted, it starts at the largest plausible value, the noise of step
    0, so that the bound term of that one step does not pull at a learned variance that serves all steps.
    The chain of unbounded data, whose x_0 is never clipped, ends where noise is ``LARGEST_GAIN`` times the
    signal; the prior term of the bound counts what is left of the data there. Not so where the last level has no
    signal: what can be predicted there is no worse without clipping.

    Raises:
        SettingsError: a prediction, or times, that the levels do not allow.
    """
    settings: DiffusionSettings = experiment.diffusion
    levels = spec.codec.levels
    schedule = build_schedule(experiment.schedule, levels)
    if not spec.codec.bounded and float(schedule.levels.alpha[-1]) > 0:
        schedule = schedule.respace(range(max(1, schedule.num_steps_below(LARGEST_GAIN))))
    if schedule.levels.time.is_floating_point() and not settings.rescale_timesteps:
        raise SettingsError(
            f"diffusion.rescale_timesteps: true wanted with schedule.name={experiment.schedule.name}, whose times are "
            "fractions, got false; set it to true"
        )
    objective = build_objective(settings)
    with option_paths("diffusion", ("prediction",)):
        diffusion = GaussianDiffusion(
            schedule,
            model_mean_type=settings.prediction.value.for_data(_sigma_data(settings)),
            model_var_type=settings.variance,
            loss_type=objective,
            rescale_timesteps=settings.rescale_timesteps,
            decoder=ContinuousDecoder() if levels is None else DiscretizedDecoder(levels),
        )
    if settings.decoder_variance == "fitted":
        # Until it is fitted: the variance of the noise, and no gradient for a learned variance that will not be used.
        lowest = schedule.levels.map(lambda values: values[0])
        return with_error_curve(diffusion, ErrorCurve.at_one(float(lowest.kappa), float(lowest.sigma) ** 2))
    return diffusion


def build_objective(settings: DiffusionSettings) -> Objective:
    """Build the loss, its squared error weighted by the level."""
    objective: Objective = settings.loss.value
    if settings.weighting not in WEIGHTINGS:
        return objective
    sigma_data = _sigma_data(settings)
    prediction, weighting = settings.prediction.value, WEIGHTINGS[settings.weighting]
    weighting = OfPrediction(prediction.for_data(sigma_data), weighting.for_data(sigma_data))
    return replace(objective, weighting=weighting)


def _sigma_data(settings: DiffusionSettings) -> float:
    return USUAL_SIGMA_DATA if settings.sigma_data == AUTO else settings.sigma_data


def null_label(experiment: Experiment, spec: DataSpec) -> int | float | None:
    """Return what stands for no label; None for networks trained without it."""
    return spec.label_kind.null if experiment.training.label_dropout > 0 else None


def build_network(experiment: Experiment, spec: DataSpec, out_channels: int, *, trust_code: bool = False) -> nn.Module:
    """Build the network, its weights a function of the seed, and try it.

    Args:
        experiment: the settings.
        spec: what is known of the data.
        out_channels: channels to predict.
        trust_code: import and call what a custom network names.

    Raises:
        SettingsError: the network does not suit the shape of the data.
        DataError: it is made by code that is not trusted, or cannot be made.
    """
    network = untried_network(experiment, spec, out_channels, trust_code=trust_code).eval()
    kind = spec.label_kind
    labels = kind.given(kind.tensor(kind.every()[:1]) if kind.is_told else None)
    wanted = (1, out_channels, *spec.shape[1:])
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, *spec.shape), torch.zeros(1), **labels)
    except IdmError:
        raise
    except Exception as error:  # networks of one's own may raise anything
        raise DataError(
            f"network: one that takes data of shape {spec.shape}, times and {kind.nouns if labels else 'no labels'} "
            f"wanted, got {type(error).__name__} ({one_line(error)}); mend it"
        ) from error
    if not isinstance(output, torch.Tensor) or tuple(output.shape) != wanted:
        got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise DataError(f"network: an output of shape {wanted} wanted, got {got}; mend it")
    return network.train()


def untried_network(
    experiment: Experiment, spec: DataSpec, out_channels: int, *, trust_code: bool = False
) -> nn.Module:
    """Build the network of a run, which was tried when that began; arguments and errors as of ``build_network``."""
    channels, *space = spec.shape
    labels = spec.label_kind.sizes(has_null=null_label(experiment, spec) is not None)
    torch.manual_seed(derive_seed(experiment.seed, "weights"))
    settings = experiment.network
    given = {"in_channels": channels, "out_channels": out_channels, "dims": len(space), "num_classes": None} | labels
    of_space = OF_SPACE.get(settings.name)
    if of_space is not None and of_space != bool(space):
        fits = "unet" if space else "mlp"
        raise SettingsError(
            f"network.name: a network for {len(space)} spatial axes wanted (data of shape {spec.shape}), "
            f"got '{settings.name}'; set network.name={fits}"
        )
    _refuse_mean(experiment, spec)
    try:
        network = settings.build(**given, trust_code=trust_code)
        if not experiment.training.mean_steps:
            return network
        return ResidualNetwork(settings.build(**_of_mean(given, spec), trust_code=trust_code), network)
    except TypeError as error:
        if "Overflow" not in str(error):
            raise
        raise SettingsError("network: sizes of at most 63 bits wanted, got larger ones") from error


def _of_mean(given: dict[str, Any], spec: DataSpec) -> dict[str, Any]:
    """Return the sizes of the network of the mean, which is told the condition, and no label."""
    assert spec.condition is not None, "others have no mean"
    unlabelled = {name: value for name, value in given.items() if name != "num_attributes"}
    return unlabelled | {"out_channels": spec.shape[0], "num_classes": None}


def _refuse_mean(experiment: Experiment, spec: DataSpec) -> None:
    """Refuse to learn the mean of samples where nothing tells them apart, or where the residual is not that of x_0.

    Raises:
        SettingsError: as said.
    """
    steps, prediction = experiment.training.mean_steps, experiment.diffusion.prediction
    if steps and spec.condition is None:
        raise SettingsError(
            f"training.mean_steps: 0 wanted without conditions, got {steps}; leave it out, or give condition=PATH"
        )
    if steps and prediction.value.is_mean:
        raise SettingsError(
            f"training.mean_steps: 0 wanted with diffusion.prediction={prediction.name.lower()}, got {steps}; set "
            "diffusion.prediction=v"
        )


def build_sampler(
    diffusion: GaussianDiffusion, settings: SamplerSettings, *, bounded: bool = True, grid: Grid | None = None
) -> Sampler:
    """Build a sampler on the steps it asks for, or on those of ``grid``.

    x_0 is clipped only where the data are bounded.

    Raises:
        SettingsError: more steps than the chain has, or an option out of range.
    """
    total = diffusion.num_timesteps
    refuse_more_steps(diffusion.grid, settings.steps, "sampler.steps")
    grid = regrid(diffusion.grid, settings.steps or total, settings.spacing) if grid is None else grid
    if not bounded:
        settings = settings.with_options(clip_denoised=False)
    return settings.build(diffusion=diffusion.on(grid))


def words_of(sampler: Sampler) -> dict[str, Any]:
    """Return what tells one sampler from another."""
    options = {field.name: repr(getattr(sampler, field.name)) for field in fields(sampler) if field.name != "diffusion"}
    timesteps = sampler.diffusion.grid.levels.time.tolist()
    return {"name": type(sampler).__name__, "options": options, "timesteps": timesteps}
