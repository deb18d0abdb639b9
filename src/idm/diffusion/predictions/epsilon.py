"""Prediction of the noise."""

from dataclasses import dataclass

from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion.predictions.base import Prediction
from idm.schedules import Grid, Level


@dataclass(frozen=True)
class Epsilon(Prediction):
    """The output is eps, the noise in x (Ho et al. 2020, eq. 11)."""

    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """x_0 = (x - sigma eps) / alpha."""
        return at.x_start(x, output)

    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """Return the noise itself."""
        return noise

    def on(self, grid: Grid) -> Prediction:
        """Refuse a level without signal, where every x_0 has the same eps."""
        if float(grid.levels.alpha[-1]) == 0.0:
            raise SettingsError(
                "prediction: one that tells x_0 where no signal is left wanted, such as v, velocity or start_x, "
                "got epsilon"
            )
        return self
