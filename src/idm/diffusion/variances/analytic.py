"""The variance of a reverse step that an error curve makes optimal (Bao et al. 2022, Analytic-DPM)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.diffusion.variances.base import ReverseVariance
from idm.diffusion.variances.error_curve import ErrorCurve
from idm.diffusion.variances.error_curves import ErrorCurves
from idm.schedules import Level, Transition


def optimal_log_variance(x_start_variance: Tensor, at: Transition) -> Tensor:
    """log(betatilde + c^2 m), where m is the variance of x_0 given x."""
    return torch.log(at.posterior_variance + at.posterior_mean_coef1**2 * x_start_variance)


@dataclass(frozen=True)
class Analytic(ReverseVariance):
    """The posterior variance, and what the uncertainty of x_0 adds to it.

    The mean of a reverse step counts x_0 with c = posterior_mean_coef1, so that Var(x_down | x_up) = betatilde + c^2
    Var(x_0 | x_up), whose average over the data is betatilde + c^2 m(kappa_up). Of all variances that do not look at
    x_up it has the smallest bound, for any pair of levels (Bao et al. 2022, theorem 1). The step to clean data has m
    itself. Where the data are Gaussian and the denoiser is exact, so are the samples, in any number of steps. All of
    that holds of one m for all values of a sample, and of an m for each channel or each value.

    Attributes:
        inner: the variance that the network was trained with; its head is not read.
        curve: mean squared error m of the predicted x_0, of all values together or apart.
    """

    inner: ReverseVariance
    curve: ErrorCurve | ErrorCurves

    @classmethod
    def of(cls, variance: ReverseVariance, curve: ErrorCurve | ErrorCurves) -> "Analytic":
        """Put a curve in the place of a variance; of another analytic one its curve is replaced."""
        return cls(variance.trained, curve)

    @property
    def trained(self) -> ReverseVariance:
        """The inner one."""
        return self.inner

    @property
    def heads(self) -> int:
        """As many as the network was trained with."""
        return self.inner.heads

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """log(betatilde + c^2 m)."""
        return optimal_log_variance(self.x_start_variance(head, at.up), at)

    def x_start_variance(self, head: Tensor | None, at: Level) -> Tensor:
        """Return m at a level; beyond the ends of the curve that of its nearest end."""
        return torch.exp(self.curve.log_error_within(torch.log(at.kappa)))

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return the inner variance's head."""
        return self.inner.head(log_variance, at)
