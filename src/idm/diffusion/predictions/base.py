"""What the network's first head means.

The hub is x_0: every prediction says how to read x_0 from the output and which output would have been right.
"""

from abc import ABC, abstractmethod

from torch import Tensor

from idm.schedules import Coefficients


class Prediction(ABC):
    """Meaning of the network's first head; ``at`` are the coefficients of the step of ``x_t``."""

    @abstractmethod
    def x_start(self, output: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Read the predicted x_0 from the network's output."""

    @abstractmethod
    def target(self, x_start: Tensor, x_t: Tensor, noise: Tensor, at: Coefficients) -> Tensor:
        """Return the output that would be exact for x_t = sqrt(abar) x_start + sqrt(1 - abar) noise."""

    @abstractmethod
    def mean(self, output: Tensor, x_start: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Mean of p(x_{t-1} | x_t), given the output and the (possibly clipped) x_0 read from it."""
