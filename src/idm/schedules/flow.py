"""The straight path of flow matching, at equal distances in time."""

import numpy as np

from idm.core.errors import SettingsError
from idm.schedules.base import refuse_other_lengths
from idm.schedules.path import Flow
from idm.schedules.path_grid import PathGrid


def flow_schedule(num_timesteps: int = 1000) -> PathGrid:
    """Levels alpha = 1 - t, sigma = t (Lipman et al. 2023; Liu et al. 2023) at t = 1 / T, 2 / T, ..., 1.

    The last one is noise alone.

    Args:
        num_timesteps: T, from 2 to a million.

    Raises:
        SettingsError: T is out of range.
    """
    refuse_other_lengths(num_timesteps)
    if num_timesteps < 2:
        raise SettingsError(
            "num_timesteps: at least 2 wanted, of which the last is noise alone, got 1; take more steps"
        )
    return PathGrid(Flow(), np.arange(1.0, num_timesteps + 1.0) / num_timesteps)
