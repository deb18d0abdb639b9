"""A mean and how far it may be off."""

import math
from dataclasses import dataclass

from torch import Tensor

Z_95 = 1.959964
"""95 % of a standard normal lie within so many deviations."""


@dataclass(frozen=True)
class Estimate:
    """A mean over samples and its standard error."""

    mean: float
    standard_error: float

    @classmethod
    def of(cls, values: Tensor) -> "Estimate":
        """Mean of values [n] and the standard error of that mean (nan for fewer than two values)."""
        wide = values.double()
        error = float(wide.std() / math.sqrt(wide.numel())) if wide.numel() > 1 else math.nan
        return cls(float(wide.mean()), error)

    def __str__(self) -> str:
        """Write as 1.745 ± 0.016, or 1.745 where there is no error."""
        return f"{self.mean:.3f}" + (f" ± {self.standard_error:.3f}" if math.isfinite(self.standard_error) else "")


def share_interval(share: float, num: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many (Wilson 1927), which is no point where it is of all or of none.

    Args:
        share: what part of them, 0 to 1.
        num: how many there are, at least 1.
    """
    weight = Z_95**2 / num
    middle = (share + weight / 2.0) / (1.0 + weight)
    half = Z_95 * math.sqrt(share * (1.0 - share) / num + weight / (4.0 * num)) / (1.0 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)
