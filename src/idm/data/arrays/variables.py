"""Variables: arrays whose axes have names, as NetCDF files and some Zarr stores hold them, with what they stand for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.named import read_sorted
from idm.data.arrays.packing import Packing
from idm.data.base import Indices

FILLS: dict[str, int | float] = {
    "int16": -32_767,
    "int32": -2_147_483_647,
    "int64": -9_223_372_036_854_775_806,
    "uint16": 65_535,
    "uint32": 4_294_967_295,
    "uint64": 18_446_744_073_709_551_614,
    "float32": float.fromhex("0x1.ep+122"),
    "float64": float.fromhex("0x1.ep+122"),
}
"""What NetCDF puts where nothing was written, unless a variable says another number."""


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
        """What stored numbers stand for, by the conventions for climate and forecast metadata (CF 1.11, 2.5.1 and 8.1).

        Raises:
            TypeError, ValueError: attributes that make no sense.
        """
        told, stored = self.attributes, self._signed
        numbers = [_numbers(told.get(name)) for name in ("_FillValue", "missing_value")]
        if not numbers[0] and self.unwritten and stored.name in FILLS:
            numbers[0] = [FILLS[stored.name]]
        within = _numbers(told.get("valid_range")) or [None, None]
        low, high = ((_numbers(told.get(name)) or [usual])[0] for name, usual in zip(ENDS, within, strict=True))
        of_stored = (
            np.asarray(number).astype(stored).item() for some in numbers for number in some if self._can_be(number)
        )
        return Packing(
            stored,
            float((_numbers(told.get("scale_factor")) or [1.0])[0]),
            float((_numbers(told.get("add_offset")) or [0.0])[0]),
            tuple(of_stored),
            low,
            high,
        )

    @property
    def _signed(self) -> np.dtype[Any]:
        """Dtype with the sign that attributes say: old files have no type for unsigned numbers."""
        said = str(self.attributes.get("_Unsigned", "")).lower()
        return np.dtype(f"u{self.stored.itemsize}") if said == "true" and self.stored.kind == "i" else self.stored

    def _can_be(self, number: int | float) -> bool:
        """Whether a number can be stored, with a sign or as the same bits without: others mark nothing as missing."""
        if self.stored.kind not in "iu":
            return not math.isnan(number)
        limits = [np.iinfo(dtype) for dtype in (self.stored, self._signed)]
        least, most = min(one.min for one in limits), max(one.max for one in limits)
        return math.isfinite(number) and number == int(number) and least <= number <= most

    def take(self, along: Sequence[str], rows: Indices, then: Sequence[str]) -> NDArray[Any]:
        """Return entries [n, *then] as they are stored.

        Args:
            along: axes that number the entries together, the last one fastest.
            rows: which entries, in any order.
            then: the other axes, in the order in which they are returned.
        """
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
        return found.view(self._signed)


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


ENDS = ("valid_min", "valid_max")


def _after(order: Sequence[int], first: int) -> list[int]:
    """Where axes are, in their new order, after the one of the samples went to the front."""
    return [place + 1 if place < first else place for place in order[1:]]


def _numbers(given: Any) -> list[Any]:
    """Return what an attribute holds as plain numbers; nothing where it is not there."""
    values = np.asarray([] if given is None else given).reshape(-1)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"numbers wanted as attributes, got {values.dtype}")
    return values.tolist() if given is not None else []
