"""Prediction of the mean of the previous sample."""

from dataclasses import dataclass

from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Coefficients


@dataclass(frozen=True)
class PreviousX(Prediction):
    """The output is the mean of x_{t-1}.

    Clipping x_0 therefore changes what is reported as x_0, never the mean. The meaning of the output depends
    on the chain: respacing a network trained this way is an approximation.
    """

    def x_start(self, output: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """x_0 = (x_{t-1} - coef2 x_t) / coef1."""
        return (output - at.posterior_mean_coef2 * x_t) / at.posterior_mean_coef1

    def target(self, x_start: Tensor, x_t: Tensor, noise: Tensor, at: Coefficients) -> Tensor:
        """Return the posterior mean."""
        return at.posterior_mean(x_start, x_t)

    def mean(self, output: Tensor, x_start: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Return the output itself."""
        return output
