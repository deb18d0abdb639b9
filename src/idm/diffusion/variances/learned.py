"""Variances that the network predicts with a second head."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.diffusion.variances.base import ReverseVariance
from idm.schedules import Transition


def _required(head: Tensor | None) -> Tensor:
    assert head is not None, "a learned variance reads the network's second head"
    return head


@dataclass(frozen=True)
class Learned(ReverseVariance):
    """The head is the log-variance itself, unbounded."""

    @property
    def heads(self) -> int:
        """2."""
        return 2

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """Return the head."""
        return _required(head)

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return the log-variance."""
        return log_variance


@dataclass(frozen=True)
class LearnedRange(ReverseVariance):
    """The head v interpolates between the fixed variances (Nichol & Dhariwal 2021, eq. 15).

    log variance = f log beta_t + (1 - f) log betatilde_t with f = (v + 1) / 2, that is log betatilde_t plus (v + 1)
    times half of the range. v is not squashed: values outside of [-1, 1] extrapolate.
    """

    @property
    def heads(self) -> int:
        """2."""
        return 2

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """Interpolate between the logs of the posterior variance (v = -1) and beta (v = 1)."""
        half = at.half_log_variance_range
        return torch.addcmul(half, half, _required(head)) + at.log_posterior_variance

    def std(self, head: Tensor | None, at: Transition) -> Tensor:
        """Interpolate between half of those logarithms."""
        return torch.addcmul(at.mid_log_std, at.half_log_std_range, _required(head)).exp_()

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """V = 2 (log variance - log betatilde) / (log beta - log betatilde) - 1."""
        low, high = at.log_posterior_variance, at.log_beta
        # Where the range is empty (a chain of one step, or rounding) every head means the same.
        return 2.0 * (log_variance - low) / (high - low + (high == low)) - 1.0
