"""Levels at any times of any path."""

from collections.abc import Iterable
from typing import final

import numpy as np

from idm.core.errors import SettingsError
from idm.schedules.grid import Grid, sorted_places
from idm.schedules.path import Path
from idm.schedules.table import Float64


@final
class PathGrid(Grid):
    """Levels at any times of any path."""

    def __init__(self, path: Path, times: Float64, schedule_times: Float64 | None = None) -> None:
        """Choose the levels.

        Args:
            path: where they lie.
            times: their times [T], growing.
            schedule_times: times of the schedule that they are from [n]; their own where None.

        Raises:
            SettingsError: no times, or some that do not grow.
        """
        self._path, self._times = path, np.asarray(times, dtype=np.float64)
        if self._times.ndim != 1 or not self._times.size or not (np.diff(self._times) > 0).all():
            raise SettingsError(f"grid: a list of growing times wanted, got {self._times.tolist()}")
        self._schedule_times = self._times if schedule_times is None else schedule_times

    def __repr__(self) -> str:
        """Path, number of levels and their range in a line."""
        first, last = self.times[[0, -1]]
        return (
            f"PathGrid({type(self.path).__name__}, {self.num_timesteps:,} levels, times from {first:.4g} to {last:.4g})"
        )

    @property
    def path(self) -> Path:
        """As given."""
        return self._path

    @property
    def times(self) -> Float64:
        """As given."""
        return self._times

    @property
    def schedule_times(self) -> Float64:
        """As given."""
        return self._schedule_times

    def respace(self, keep: Iterable[int]) -> "PathGrid":
        """Keep some of the times."""
        return self._with(self.times[sorted_places(keep, self.num_timesteps)])

    def of_ratios(self, kappas: Float64) -> "PathGrid":
        """Read the times off the path."""
        return self._with(self.path.time_of(np.log(kappas)))

    def _with(self, times: Float64) -> "PathGrid":
        return PathGrid(self.path, times, self.schedule_times)
