"""The densities of the papers, by their distribution functions."""

from dataclasses import dataclass
from typing import Annotated, final

import numpy as np
import torch
from annotated_types import Gt

from idm.core.errors import SettingsError
from idm.schedules.table import Float64
from idm.timesteps.density import LevelDensity


@final
@dataclass(eq=False)
class LogitNormal(LevelDensity):
    """logit(t) ~ N(mean, std^2), t being the share of the path (Esser et al. 2024, section 3.1): the middle most often.

    Attributes:
        mean: above 0, more noise; below, less.
        std: smaller, nearer to the middle.
    """

    mean: float = 0.0
    std: Annotated[float, Gt(0)] = 1.0

    def distribution(self, share: Float64, log_kappa: Float64) -> Float64:
        """Phi((logit(t) - mean) / std)."""
        with np.errstate(divide="ignore"):
            return _normal((np.log(share) - np.log1p(-share) - self.mean) / self.std)


@final
@dataclass(eq=False)
class LogNormal(LevelDensity):
    """log(kappa) ~ N(mean, std^2) (Karras et al. 2022, section 5), kappa being noise / signal, as EDM trains.

    Attributes:
        mean: P_mean; log(0.3) is -1.2.
        std: P_std.
    """

    mean: float = -1.2
    std: Annotated[float, Gt(0)] = 1.2

    def distribution(self, share: Float64, log_kappa: Float64) -> Float64:
        """Phi((log(kappa) - mean) / std)."""
        return _normal((log_kappa - self.mean) / self.std)


@final
@dataclass(eq=False)
class LogSNRUniform(LevelDensity):
    """Every log signal-to-noise ratio of a range equally often: as many draws for each doubling of the noise.

    Attributes:
        lowest: of the range; -6 is 20 times as much noise as signal.
        highest: of the range; less noise than the least noisy step has is left out.
    """

    lowest: float = -6.0
    highest: float = 12.0

    def __post_init__(self) -> None:
        """Refuse an empty range, and what every density refuses.

        Raises:
            SettingsError: as said.
        """
        if not self.lowest < self.highest:
            raise SettingsError(f"lowest: less than highest={self.highest} wanted, got {self.lowest}")
        super().__post_init__()

    def distribution(self, share: Float64, log_kappa: Float64) -> Float64:
        """Share of the range that has more signal."""
        return ((self.highest + 2.0 * log_kappa) / (self.highest - self.lowest)).clip(0.0, 1.0)


def _normal(z: Float64) -> Float64:
    """Distribution function of the standard normal; at infinity, too."""
    return torch.special.ndtr(torch.from_numpy(np.asarray(z, dtype=np.float64))).numpy()
