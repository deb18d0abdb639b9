"""The cosine schedule of Nichol & Dhariwal 2021, eq. 17."""

import math

from idm.schedules.base import NoiseSchedule


def cosine_schedule(num_timesteps: int = 1000) -> NoiseSchedule:
    """abar(u) = cos^2((u + 0.008) / 1.008 * pi / 2), betas clipped at 0.999.

    Args:
        num_timesteps: T, from 1 to a million.

    Raises:
        SettingsError: T is out of range.
    """
    return NoiseSchedule.from_alpha_bar(lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2, num_timesteps)
