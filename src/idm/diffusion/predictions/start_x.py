"""Prediction of the clean data."""

from dataclasses import dataclass

from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Coefficients


@dataclass(frozen=True)
class StartX(Prediction):
    """The output is x_0."""

    def x_start(self, output: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Return the output itself."""
        return output

    def target(self, x_start: Tensor, x_t: Tensor, noise: Tensor, at: Coefficients) -> Tensor:
        """Return the clean data."""
        return x_start

    def mean(self, output: Tensor, x_start: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Posterior mean at the predicted x_0."""
        return at.posterior_mean(x_start, x_t)
