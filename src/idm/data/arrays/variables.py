"""Variables: arrays whose axes have names, as NetCDF files and some Zarr stores hold them, with what they stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.conventions import packing_of, signed
from idm.data.arrays.named import read_sorted
from idm.data.arrays.packing import Packing
from idm.data.base import Indices
from idm.data.cutting import Window


@dataclass(frozen=True, eq=False)
class Variable:
    """An array with named axes, in memory or left on disk.

    Attributes:
        name: its name; below a group with its path.
        axes: name of each axis.
        shape: its shape.
        stored: dtype of what is stored, in the machine's byte order.
        data: gives entries for a tuple of slices and numbers, and one array of rising numbers.
        attributes: what is said of it.
        growing: names of the axes that may grow, along which files are written.
        unwritten: whether NetCDF's own numbers stand where nothing was written.
    """

    name: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    data: Any
    attributes: Mapping[str, Any]
    growing: frozenset[str] = frozenset()
    unwritten: bool = True

    @property
    def packing(self) -> Packing:
        """What stored numbers stand for.

        Raises:
            TypeError, ValueError: attributes that make no sense.
        """
        return packing_of(self.stored, self.attributes, unwritten=self.unwritten)

    def read_all(self) -> NDArray[Any]:
        """Return all entries as they are stored."""
        return self._with_sign(np.asarray(self.data[...]))

    def _with_sign(self, found: NDArray[Any]) -> NDArray[Any]:
        own = signed(self.stored, self.attributes)
        return found if own == self.stored else found.astype(self.stored, copy=False).view(own)

    def take(self, along: Sequence[str], rows: Indices, then: Sequence[str]) -> NDArray[Any]:
        """Return entries [n, *then] as they are stored.

        Args:
            along: axes that number the entries together, the last one fastest.
            rows: which entries, in any order.
            then: the other axes, in the order in which they are returned.
        """
        if not along:  # everything is one entry
            whole = self.window(along, 0, then, (slice(None),) * len(then))
            return np.repeat(whole[None], len(rows), axis=0)
        places = [self.axes.index(axis) for axis in along]
        coordinates = np.unravel_index(rows, [self.shape[place] for place in places])
        kept = [axis for axis in self.axes if axis not in along[:-1]]
        first = kept.index(along[-1])
        order = [kept.index(axis) for axis in (along[-1], *then)]
        found = np.empty((len(rows), *(self.shape[self.axes.index(axis)] for axis in then)), self.stored)
        for others in product(*(np.unique(numbers).tolist() for numbers in coordinates[:-1])):
            here = np.ones(len(rows), np.bool_)
            key: list[Any] = [slice(None)] * len(self.axes)
            for place, number, numbers in zip(places, others, coordinates, strict=False):
                here, key[place] = here & (numbers == number), number
            if here.any():
                along_last = _Along(self.data, tuple(key), places[-1], first)
                found[here] = read_sorted(along_last, coordinates[-1][here]).transpose([0, *_after(order, first)])
        return self._with_sign(found)

    def window(self, along: Sequence[str], row: int, then: Sequence[str], window: Window) -> NDArray[Any]:
        """Return a window of an entry [*then] as it is stored; arguments as of ``take``, and slices along its axes."""
        places = {axis: self.axes.index(axis) for axis in (*along, *then)}
        key: list[Any] = [slice(None)] * len(self.axes)
        numbers = np.unravel_index(row, [self.shape[places[axis]] for axis in along]) if along else ()
        for axis, part in zip((*along, *then), (*map(int, numbers), *window), strict=True):
            key[places[axis]] = part
        kept = [axis for axis in self.axes if axis not in along]
        found = np.asarray(self.data[tuple(key)])
        return self._with_sign(found.transpose([kept.index(axis) for axis in then]))


@dataclass(frozen=True, eq=False)
class _Along:
    """An array that is indexed along one axis alone, which comes first then."""

    data: Any
    key: tuple[Any, ...]
    place: int
    first: int

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        key = (*self.key[: self.place], rows, *self.key[self.place + 1 :])
        return np.moveaxis(np.asarray(self.data[key]), self.first, 0)


def _after(order: Sequence[int], first: int) -> list[int]:
    """Where axes are, in their new order, after the one of the samples went to the front."""
    return [place + 1 if place < first else place for place in order[1:]]
