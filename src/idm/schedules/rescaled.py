"""Chains with more signal, or less, than the one that they are made from."""

import math

import numpy as np

from idm.core.errors import SettingsError
from idm.schedules.base import NoiseSchedule


def with_log_snr_shifted(schedule: NoiseSchedule, shift: float) -> NoiseSchedule:
    """Return the chain whose log SNR is larger by ``shift`` at every step (Hoogeboom et al. 2023, section 3.1).

    Args:
        schedule: a whole chain.
        shift: a natural logarithm.
    """
    signal = math.exp(shift) * schedule.alphas_cumprod
    return _with_levels(schedule, signal / (signal + (1.0 - schedule.alphas_cumprod)))


def with_zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """Return the chain whose last step leaves no signal, and whose first is as it was (Lin et al. 2024, algorithm 1).

    sqrt(abar) is moved by its last value, and stretched to its first one.

    Args:
        schedule: a whole chain.

    Raises:
        SettingsError: it has a single step, which would be noise alone.
    """
    if schedule.num_timesteps < 2:
        raise SettingsError("num_timesteps: at least 2 wanted with zero_terminal_snr=true, got 1; take more steps")
    alpha = schedule.sqrt_alphas_cumprod
    return _with_levels(schedule, ((alpha - alpha[-1]) * (alpha[0] / (alpha[0] - alpha[-1]))) ** 2)


def _with_levels(schedule: NoiseSchedule, alphas_cumprod: np.ndarray) -> NoiseSchedule:
    return NoiseSchedule(alphas_cumprod, schedule.timesteps, schedule.num_train_timesteps)
