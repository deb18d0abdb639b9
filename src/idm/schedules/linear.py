"""The linear schedule of Ho et al. 2020, scaled so that its end does not depend on the number of steps."""

import numpy as np

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.schedules.base import NoiseSchedule, refuse_other_lengths
from idm.schedules.rescaled import with_zero_terminal_snr

BETA_START, BETA_END = 1e-4, 0.02


def linear_schedule(num_timesteps: int = 1000, *, zero_terminal_snr: bool = False) -> NoiseSchedule:
    """Betas from 1e-4 to 0.02, times 1000 / T.

    Args:
        num_timesteps: T, from 21 (below that the last beta would reach 1) to a million.
        zero_terminal_snr: rescale to leave no signal at the last step (Lin et al. 2024), where the plain schedule
            leaves 0.006 of it: very bright and very dark pictures come out as such. Not with prediction=epsilon.

    Raises:
        SettingsError: T is too small or too large.
    """
    smallest = int(1000 * BETA_END) + 1
    if whole_number(num_timesteps, "num_timesteps") < smallest:
        raise SettingsError(
            f"num_timesteps: the linear schedule needs at least {smallest} steps (its last beta is 20 / T), "
            f"got {num_timesteps}; take the cosine schedule, or more steps and respace them"
        )
    refuse_other_lengths(num_timesteps)
    scale = 1000.0 / num_timesteps
    chain = NoiseSchedule.from_betas(np.linspace(scale * BETA_START, scale * BETA_END, num_timesteps))
    return with_zero_terminal_snr(chain) if zero_terminal_snr else chain
