"""Densities over noise levels, as the steps of a grid have them.

A step has the mass of all levels that lie nearer to it in time than to another step: of a density known by its
distribution function that is a difference, without an error. What lies beyond the ends of the grid is left out.
"""

from abc import abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Le
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.limits import refuse_out_of_range
from idm.schedules import Grid
from idm.schedules.table import Float64
from idm.timesteps.fixed import FixedTimesteps


@dataclass(eq=False)
class LevelDensity(FixedTimesteps):
    """A density of levels, with a share of the uniform distribution over steps mixed in.

    Attributes:
        grid: the levels that the process visits.
        importance: weigh losses by 1 / (T p), so that the density changes how much they scatter, and not what is
            minimised; off, it changes how much the levels count, as in the papers.
        uniform_prob: share of the uniform distribution, so that no step is forgotten.
    """

    grid: Grid
    importance: bool = False
    uniform_prob: Annotated[float, Gt(0), Le(1)] = 0.05

    def __post_init__(self) -> None:
        """Refuse options beyond their ranges, and a density that lies beyond the grid.

        Raises:
            SettingsError: a line per wrong option.
        """
        super().__init__(self.grid.num_timesteps)
        refuse_out_of_range(type(self), vars(self))
        if not self._masses.sum() > 0.0:
            name = fields(self)[-2].name  # the first of the density's own
            raise SettingsError(
                f"{name}: a density with levels of the schedule wanted, got one that lies beyond them; choose another"
            )

    @abstractmethod
    def distribution(self, share: Float64, log_kappa: Float64) -> Float64:
        """Return how much of the density lies below levels [n].

        Args:
            share: their times, in [0, 1] from clean data to the end of the path.
            log_kappa: logarithms of their noise-to-signal ratios, from -inf to inf.
        """

    @property
    def restores_uniform(self) -> bool:
        """As ``importance`` says."""
        return self.importance

    def weights(self) -> Tensor:
        """Return the probability of every step."""
        return self._weights

    @cached_property
    def _weights(self) -> Tensor:
        masses, share = self._masses, self.uniform_prob
        return torch.from_numpy((1.0 - share) * masses / masses.sum() + share / masses.size)

    @cached_property
    def _masses(self) -> Float64:
        if self.num_timesteps == 1:
            return np.ones(1)
        edges = edges_between(self.grid)
        alpha, sigma = self.grid.path.at(edges)
        with np.errstate(divide="ignore"):
            return np.diff(self.distribution(edges / self.grid.path.span, np.log(sigma) - np.log(alpha)))


def edges_between(grid: Grid) -> Float64:
    """Return times half-way between two or more levels, and as far beyond the ends [T + 1], where there is a path."""
    times, span = grid.times, grid.path.span
    middle = 0.5 * (times[1:] + times[:-1])
    ends = np.array([2.0 * times[0] - middle[0], 2.0 * times[-1] - middle[-1]]).clip(0.0, span)
    return np.concatenate([ends[:1], middle, ends[1:]])
