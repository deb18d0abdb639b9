"""Variances that the schedule fixes: the two ends of the range of the optimal one."""

from dataclasses import dataclass

from torch import Tensor

from idm.diffusion.variances.base import ReverseVariance
from idm.schedules import Transition


@dataclass(frozen=True)
class FixedSmall(ReverseVariance):
    """The posterior variance, optimal if x_0 is a single point; log-variance at step 0 is that of step 1."""

    @property
    def heads(self) -> int:
        """1."""
        return 1

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """Log of the posterior variance."""
        return at.log_posterior_variance

    def std(self, head: Tensor | None, at: Transition) -> Tensor:
        """Return what is kept with the transition."""
        return at.posterior_std

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return None: the variance is fixed."""
        return None


@dataclass(frozen=True)
class FixedLarge(ReverseVariance):
    """beta, optimal if x_0 ~ N(0, I); at step 0 the posterior variance of step 1, a better decoder."""

    @property
    def heads(self) -> int:
        """1."""
        return 1

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """Log of beta."""
        return at.fixed_large_log_variance

    def std(self, head: Tensor | None, at: Transition) -> Tensor:
        """Return what is kept with the transition."""
        return at.fixed_large_std

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return None: the variance is fixed."""
        return None
