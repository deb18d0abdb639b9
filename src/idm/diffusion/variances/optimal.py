"""What the variances share that are optimal for what is known of the error of the predicted x_0."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.diffusion.variances.base import ReverseVariance
from idm.diffusion.variances.error_curve import ErrorCurve
from idm.diffusion.variances.error_curves import ErrorCurves
from idm.schedules import Level, Transition


@dataclass(frozen=True)
class Optimal(ReverseVariance):
    """The posterior variance, and what the uncertainty of x_0 adds to it; in the place of a network's own variance.

    With c the weight of x_0 in the posterior mean it is betatilde + c^2 m; m is what ``x_start_variance`` returns.

    Attributes:
        inner: the variance that the network was trained with; its head is not read.
        curve: mean squared error m of the predicted x_0, of all values together or apart.
    """

    inner: ReverseVariance
    curve: ErrorCurve | ErrorCurves

    @property
    def trained(self) -> ReverseVariance:
        """The inner one."""
        return self.inner

    @property
    def heads(self) -> int:
        """As many as the network was trained with."""
        return self.inner.heads

    @abstractmethod
    def x_start_variance(self, head: Tensor | None, at: Level) -> Tensor:
        """Return m at a level."""

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """log(betatilde + c^2 m)."""
        return torch.log(at.posterior_variance + at.posterior_mean_coef1**2 * self.x_start_variance(head, at.up))

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return the inner variance's head."""
        return self.inner.head(log_variance, at)
