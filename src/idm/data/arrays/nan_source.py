"""Samples of plain numbers, of which NaN stands for a missing value."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.measured import MeasuredSource
from idm.data.arrays.packing import Packing
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices
from idm.data.cutting import Window


class NanSource(MeasuredSource):
    """Samples along the first axis of one array as it is stored; NaN is refused, filled, or its samples are skipped."""

    @abstractmethod
    def _entries(self, indices: Indices) -> NDArray[Any]:
        """Return entries of the first axis of those numbers, of all that are stored."""

    def _entry_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        """Go through windows of a stored entry; by default it is read whole. Arguments as of ``_stored_windows``."""
        entry = self._entries(np.array([index]))[0]
        return (entry[key] for key in keys)

    def _measured(self, indices: Indices) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        values = self._entries(indices)
        return values, find_gaps(values)

    def _measured_windows(self, index: int, keys: Sequence[Window]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        return ((values, find_gaps(values)) for values in self._entry_windows(index, keys))

    def _refuse_non_finite(self, where: object) -> None:
        ArraySource._refuse_non_finite(self, where)  # one look finds what is missing, too

    def _about_non_finite(self, where: object, index: int) -> str:
        share = self._shares_missing(np.array([self._stored_number(index)]))[0]
        return self._about_gap(where, share, index) if share else super()._about_non_finite(where, index)


def find_gaps(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Say which numbers are none."""
    return Packing(values.dtype).missing(values)
