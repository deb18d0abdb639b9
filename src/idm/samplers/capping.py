"""A cap on the noise of the last steps, which nothing takes away again (Bao et al. 2022, appendix F.2)."""

import math

from torch import Tensor

MEAN_ABSOLUTE = math.sqrt(2.0 / math.pi)
"""Mean absolute value of a standard normal number."""


def capped(std: Tensor, i: int, cap: float, steps: int) -> Tensor:
    """Return the standard deviation of the noise of a step, its mean absolute value capped if it is one of the last.

    Args:
        std: of the noise of step i.
        i: the step; the last one, 0, adds none.
        cap: largest mean absolute value, in the model's range; 0: no cap.
        steps: how many of the steps that add noise are the last ones.
    """
    return std.clamp(max=cap / MEAN_ABSOLUTE) if cap and i <= steps else std
