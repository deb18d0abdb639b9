"""Prediction of the mean of the previous sample."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Grid, Level, Transition


@dataclass(frozen=True)
class PreviousX(Prediction):
    """The output is the mean of x_{t-1}.

    Clipping x_0 therefore changes what is reported as x_0, never the mean. The meaning of the output depends
    on the chain: respacing a network trained this way is an approximation, and only levels of the grid have one.

    Attributes:
        grid: whose neighbours are meant; a process fills it in.
    """

    is_mean: ClassVar[bool] = True

    grid: Grid | None = field(default=None, compare=False, repr=False)

    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """x_0 = (x_{t-1} - coef2 x_t) / coef1."""
        return self._transition(at, x).x_start(x, output)

    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """Return the posterior mean."""
        return self._transition(at, x).posterior_mean(x_start, x)

    def on(self, grid: Grid) -> Prediction:
        """Remember the grid."""
        return replace(self, grid=grid)

    def _transition(self, at: Level, x: Tensor) -> Transition:
        assert self.grid is not None, "a process binds its prediction to its grid"
        return self.grid.transition_from(at, x)
