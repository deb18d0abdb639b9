"""Which noise levels to train on: the base of what draws them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.schedules import Grid, Level


@dataclass(frozen=True, eq=False)
class Drawn:
    """Levels to train on, one for each sample of a batch, on the CPU.

    Attributes:
        at: the levels, float64 [b]; on the grid or between its levels.
        t: the step of the grid that lies nearest to each, int64 [b]; losses are counted by it.
        importance: by what each loss is multiplied: density of the levels that are wanted over that of those that are
            drawn; float32 [b].
    """

    at: Level
    t: Tensor
    importance: Tensor

    @classmethod
    def at_times(cls, times: Tensor, grid: Grid, importance: Tensor | None = None) -> "Drawn":
        """Return levels of any times on the grid's path, counted by the grid's nearest step in time.

        Args:
            times: times, float64 [b].
            grid: the levels that the process visits.
            importance: as above; None: ones.
        """
        at = grid.at_times(times.double().numpy(), torch.empty(0, dtype=torch.float64))
        t = grid.nearest_places(at.time)
        return cls(at, t, torch.ones(len(t)) if importance is None else importance)


class LevelSampler(ABC):
    """A distribution over noise levels, which may follow the losses it is told.

    Attributes:
        learns: whether ``update`` changes anything; if not, losses need not be gathered for it.
    """

    learns: ClassVar[bool]

    @abstractmethod
    def draw_levels(self, rng: Rng, step: int, grid: Grid) -> Drawn:
        """Draw a level per sample, as a function of its seed and the training step.

        Args:
            rng: one seed per sample of the batch.
            step: training step.
            grid: the levels that the process visits, and the path on which they lie.
        """

    @abstractmethod
    def update(self, drawn: Drawn, loss: Tensor) -> None:
        """Take account of the loss of each sample of what was drawn, before importance: loss [b]."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold to continue exactly."""

    @abstractmethod
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what ``state`` returned."""
