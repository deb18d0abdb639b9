"""Timestep samplers; a new one is one file and one line in ``TIMESTEP_SAMPLERS``."""

from idm.core.registry import Registry
from idm.timesteps.base import TimestepSampler
from idm.timesteps.densities import LogitNormal, LogNormal, LogSNRUniform
from idm.timesteps.density import LevelDensity
from idm.timesteps.level_sampler import Drawn, LevelSampler
from idm.timesteps.loss_second_moment import LossSecondMoment
from idm.timesteps.uniform import UniformTimesteps

TIMESTEP_SAMPLERS: Registry[TimestepSampler] = Registry(
    "timesteps",
    {
        "uniform": UniformTimesteps,
        "loss_second_moment": LossSecondMoment,
        "logit_normal": LogitNormal,
        "log_normal": LogNormal,
        "log_snr_uniform": LogSNRUniform,
    },
)

__all__ = [
    "TIMESTEP_SAMPLERS",
    "Drawn",
    "LevelDensity",
    "LevelSampler",
    "LogNormal",
    "LogSNRUniform",
    "LogitNormal",
    "LossSecondMoment",
    "TimestepSampler",
    "UniformTimesteps",
]
