"""What the network's first head means.

The hub is x_0: every prediction says how to read x_0 from the output and which output would have been right.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from idm.schedules import Grid, Level


class Prediction(ABC):
    """Meaning of the network's first head; ``at`` is the level of ``x``.

    Attributes:
        is_mean: whether the output is itself the mean of the reverse step, whatever x_0 is read from it.
    """

    is_mean: ClassVar[bool] = False

    @abstractmethod
    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """Read the predicted x_0 from the network's output."""

    @abstractmethod
    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """Return the output that would be exact for x = alpha x_start + sigma noise."""

    def input_scale(self, at: Level) -> Tensor | None:
        """By what x is multiplied before the network is shown it; None: it is shown x itself."""
        return None

    def for_data(self, sigma_data: float) -> "Prediction":
        """Return the prediction for data of a standard deviation; most mean the same for all."""
        return self

    def on(self, grid: Grid) -> "Prediction":
        """Return the prediction on the levels that a process visits; most mean the same on all.

        Raises:
            SettingsError: x_0 cannot be read from it on some level.
        """
        return self
