"""What Var(x_{t-1} | x_t) is in the reverse process."""

from abc import ABC, abstractmethod

from torch import Tensor

from idm.schedules import Coefficients


class ReverseVariance(ABC):
    """Variance of p(x_{t-1} | x_t)."""

    @property
    @abstractmethod
    def heads(self) -> int:
        """How many blocks of C channels the network returns: 2 where the second one decides the variance, else 1."""

    @abstractmethod
    def log_variance(self, head: Tensor | None, at: Coefficients) -> Tensor:
        """Log-variance, broadcastable to the data; ``head`` is the network's second block, if it has one."""

    @abstractmethod
    def head(self, log_variance: Tensor, at: Coefficients) -> Tensor | None:
        """Return the variance head that a network must return to have this log-variance; None where it has none."""

    def without_decoder_variance(self) -> "ReverseVariance":
        """Return the same without a decoder variance of its own, for chains whose first step is another."""
        return self
