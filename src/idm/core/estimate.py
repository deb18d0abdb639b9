"""A mean and how far it may be off."""

import math
from dataclasses import dataclass

from torch import Tensor


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
