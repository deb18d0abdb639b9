"""Prediction of the noise."""

from dataclasses import dataclass

from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Coefficients


@dataclass(frozen=True)
class Epsilon(Prediction):
    """The output is eps, the noise in x_t (Ho et al. 2020, eq. 11)."""

    def x_start(self, output: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """x_0 = sqrt(1 / abar) x_t - sqrt(1 / abar - 1) eps."""
        return at.x_start_from_eps(x_t, output)

    def target(self, x_start: Tensor, x_t: Tensor, noise: Tensor, at: Coefficients) -> Tensor:
        """Return the noise itself."""
        return noise

    def mean(self, output: Tensor, x_start: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Posterior mean at the predicted x_0."""
        return at.posterior_mean(x_start, x_t)
