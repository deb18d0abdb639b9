"""The cosine schedule of Nichol & Dhariwal 2021, eq. 17."""

import math
from typing import Annotated

from annotated_types import Ge

from idm.core.errors import SettingsError
from idm.schedules.base import NoiseSchedule
from idm.schedules.rescaled import with_log_snr_shifted, with_zero_terminal_snr

UNSHIFTED_SIDE_PIXELS = 64
"""Side of pictures that have the noise of the plain schedule."""


def cosine_schedule(
    num_timesteps: int = 1000, *, side: Annotated[int, Ge(1)] = UNSHIFTED_SIDE_PIXELS, zero_terminal_snr: bool = False
) -> NoiseSchedule:
    """abar(u) = cos^2((u + 0.008) / 1.008 * pi / 2), betas clipped at 0.999; shifted for larger pictures if so wished.

    Args:
        num_timesteps: T, from 1 to a million.
        side: pixels a side of the pictures: the log SNR is shifted by 2 log(64 / side), so that averages over the
            pixels of larger ones are as noisy (Hoogeboom et al. 2023). 64 shifts nothing; give the true side of
            pictures of 128 and more.
        zero_terminal_snr: rescale to leave no signal at the last step (Lin et al. 2024); off is usual, since the cosine
            leaves 0.00005 of it. Not with prediction=epsilon.

    Raises:
        SettingsError: T or side is out of range.
    """
    chain = NoiseSchedule.from_alpha_bar(lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2, num_timesteps)
    if side < 1:
        raise SettingsError(f"side: at least 1 wanted, got {side}")
    if side != UNSHIFTED_SIDE_PIXELS:
        chain = with_log_snr_shifted(chain, 2.0 * math.log(UNSHIFTED_SIDE_PIXELS / side))
    return with_zero_terminal_snr(chain) if zero_terminal_snr else chain
