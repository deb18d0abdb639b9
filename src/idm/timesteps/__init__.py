"""Timestep samplers; a new one is one file and one line in ``TIMESTEP_SAMPLERS``."""

from idm.core.registry import Registry
from idm.timesteps.base import TimestepSampler
from idm.timesteps.level_sampler import Drawn, LevelSampler
from idm.timesteps.loss_second_moment import LossSecondMoment
from idm.timesteps.uniform import UniformTimesteps

TIMESTEP_SAMPLERS: Registry[TimestepSampler] = Registry(
    "timesteps", {"uniform": UniformTimesteps, "loss_second_moment": LossSecondMoment}
)

__all__ = ["TIMESTEP_SAMPLERS", "Drawn", "LevelSampler", "LossSecondMoment", "TimestepSampler", "UniformTimesteps"]
