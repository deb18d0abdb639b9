"""Prediction of the clean data."""

from dataclasses import dataclass

from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Level


@dataclass(frozen=True)
class StartX(Prediction):
    """The output is x_0."""

    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """Return the output itself."""
        return output

    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """Return the clean data."""
        return x_start
