"""What Var(x_{t-1} | x_t) is in the reverse process; ``at`` is the transition from t to t - 1."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from idm.core.types import Images
from idm.diffusion.denoiser import Denoised
from idm.schedules import Level, Transition


class ReverseVariance(ABC):
    """Variance of p(x_{t-1} | x_t)."""

    @property
    @abstractmethod
    def heads(self) -> int:
        """How many blocks of C channels the network returns: 2 where the second one decides the variance, else 1."""

    @property
    def trained(self) -> "ReverseVariance":
        """The variance that the network was trained with, where this one took its place; else this one."""
        return self

    def reads(self, found: Denoised, x: Images, at: Level) -> Tensor | None:
        """Return the head that the other methods take: the second block of the network that found x_0 in ``x``."""
        return found.head

    @abstractmethod
    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """Log-variance, broadcastable to the data; ``head`` is what this variance ``reads``, if anything."""

    def std(self, head: Tensor | None, at: Transition) -> Tensor:
        """Standard deviation, broadcastable to the data; arguments as of ``log_variance``."""
        return torch.exp(0.5 * self.log_variance(head, at))

    def x_start_variance(self, head: Tensor | None, at: Level) -> Tensor | None:
        """Variance of x_0 given x, or its average over the data, where a rule with another mean counts it; else None.

        Args:
            head: as of ``log_variance``.
            at: the level of x.
        """
        return None

    @abstractmethod
    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return the variance head that a network must return to have this log-variance; None where it has none."""
