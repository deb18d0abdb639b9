"""The linear schedule of Ho et al. 2020, scaled so that its end does not depend on the number of steps."""

import numpy as np

from idm.core.errors import SettingsError
from idm.schedules.base import NoiseSchedule

BETA_START, BETA_END = 1e-4, 0.02


def linear_schedule(num_timesteps: int = 1000) -> NoiseSchedule:
    """Betas from 1e-4 to 0.02, times 1000 / T.

    Args:
        num_timesteps: T, at least 21 (below that the last beta would reach 1).

    Raises:
        SettingsError: T is too small.
    """
    smallest = int(1000 * BETA_END) + 1
    if num_timesteps < smallest:
        raise SettingsError(
            f"num_timesteps: the linear schedule needs at least {smallest} steps (its last beta is 20 / T), "
            f"got {num_timesteps}; take the cosine schedule, or more steps and respace them"
        )
    scale = 1000.0 / num_timesteps
    return NoiseSchedule.from_betas(np.linspace(scale * BETA_START, scale * BETA_END, num_timesteps))
