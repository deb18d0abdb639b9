"""An array that lies in a file, of which parts are read as they are wanted.

Files are read, not mapped into memory: what is cut short meanwhile is refused in a line, where a map would end the
process (SIGBUS). Of values that lie scattered, a few bytes each, those near each other are read with what lies between.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from idm.core.errors import UnreadableFileError
from idm.core.text import one_line
from idm.data.arrays.file_bytes import FileBytes
from idm.data.base import BLOCK_BYTES

NEAR_BYTES = 4_096
"""Bytes that are read at once however few of them are wanted."""

MOST_READ_PER_WANTED = 2
"""Most bytes that are read at once for a byte that is wanted, where parts lie close together."""


@final
@dataclass(frozen=True, eq=False)
class OnDisk:
    """An array in a file; ``array[key]`` reads a part of it, by numbers, slices, or an ellipsis, and one array.

    The array is of numbers, or of truth values as many as its axis is long; no ellipsis goes with it. Numbers
    drop their axis, and that of an array stays in its place.

    Attributes:
        where: the file, from whatever folder.
        shape: of the array.
        dtype: of its values, in the byte order of the file.
        offset: bytes before the first value.
        strides: bytes from a value to the next along each axis.
    """

    where: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    strides: tuple[int, ...]

    @classmethod
    def of(
        cls, where: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...] = ()
    ) -> "OnDisk":
        """Return an array whose last axis is the fastest, unless strides say otherwise.

        Raises:
            ValueError: it reaches beyond the end of the file.
        """
        sizes = [dtype.itemsize, *shape[:0:-1]] if shape else []
        usual = tuple(int(size) for size in np.cumprod(np.array(sizes, dtype=object))[::-1])
        found = cls(where.absolute(), shape, dtype, offset, strides or usual)
        low, high = found.span
        stored = where.stat().st_size
        if low < 0 or high > stored:
            raise ValueError(f"values up to byte {high:,} declared, in {stored:,} bytes")
        return found

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def span(self) -> tuple[int, int]:
        """First byte, and the one after the last."""
        if 0 in self.shape:
            return self.offset, self.offset
        reach = [(size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)]
        low, high = (sum(choose(step, 0) for step in reach) for choose in (min, max))
        return self.offset + low, self.offset + high + self.dtype.itemsize

    def __len__(self) -> int:
        """Return the size of the first axis."""
        return self.shape[0]

    def transpose(self, order: list[int]) -> "OnDisk":
        """Return the same with axes in another order."""
        shape, strides = (tuple(sizes[axis] for axis in order) for sizes in (self.shape, self.strides))
        return replace(self, shape=shape, strides=strides)

    def field(self, name: str) -> "OnDisk":
        """Return a field of an array of records."""
        fields: Any = self.dtype.fields
        dtype, offset = fields[name][:2]
        shape, strides = (*self.shape, *dtype.shape), (*self.strides, *np.empty(dtype.shape, dtype.base).strides)
        return replace(self, shape=shape, strides=strides, dtype=dtype.base, offset=self.offset + offset)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part.

        Raises:
            UnreadableFileError: the file is gone, or was cut short.
            IndexError: a number beyond the array; truth values of another length; an ellipsis beside an array.
        """
        key = key if isinstance(key, tuple) else (key,)
        arrays = [place for place, part in enumerate(key) if isinstance(part, np.ndarray)]
        if arrays and (len(arrays) > 1 or any(part is Ellipsis for part in key)):
            raise IndexError("one array, and no ellipsis beside it, wanted, got others")
        try:
            with self.where.open("rb", buffering=0) as file:
                reader = _Reader(FileBytes(self.where, file.fileno()))
                if not arrays:
                    return reader.part(self._view(key))
                place = arrays[0]
                axis = sum(isinstance(part, slice) for part in key[:place])
                whole = self._view((*key[:place], slice(None), *key[place + 1 :]))
                return reader.entries(whole, axis, key[place])
        except OSError as error:
            raise UnreadableFileError(f"{self.where}: cannot be read ({one_line(error)}); restore it") from error

    def between(self, axis: int, low: int, high: int) -> "OnDisk":
        """Return a part of an axis."""
        shape = (*self.shape[:axis], high - low, *self.shape[axis + 1 :])
        return replace(self, shape=shape, offset=self.offset + low * self.strides[axis])

    def _view(self, key: Any) -> "OnDisk":
        """Return a part, of which nothing is read yet: numpy says where it lies."""
        base = as_strided(np.empty(1, np.uint8), self.shape, self.strides)  # never looked into
        part = base[key if any(entry is Ellipsis for entry in key) else (*key, ...)]
        places = [one.__array_interface__["data"][0] for one in (part, base)]
        offset = self.offset + places[0] - places[1]
        return replace(self, shape=part.shape, strides=part.strides, offset=offset)


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads arrays from a file that is open.

    Attributes:
        content: its bytes.
    """

    content: FileBytes

    def part(self, array: OnDisk) -> NDArray[Any]:
        """Read all of an array; its axes are taken in the order in which they lie in the file."""
        order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        lying, (low, high) = array.transpose(order), array.span
        num_bytes = math.prod(array.shape) * array.dtype.itemsize
        if num_bytes and high - low <= max(NEAR_BYTES, min(MOST_READ_PER_WANTED * num_bytes, BLOCK_BYTES)):
            content = self.content.fill(np.empty(high - low, np.uint8), low)
            found = np.ndarray(lying.shape, array.dtype, content.data, lying.offset - low, lying.strides)
            found = found if found.flags.c_contiguous else found.copy()
        else:
            found = self._runs(lying, np.zeros(1, np.int64))[0, ...]
        return found.transpose(np.argsort(order))

    def entries(self, array: OnDisk, axis: int, chosen: NDArray[Any]) -> NDArray[Any]:
        """Read entries along an axis, in any order; all from the first to the last where most of them are wanted."""
        count = array.shape[axis]
        if chosen.dtype.kind == "b" and chosen.shape != (count,):
            raise IndexError(f"{count} truth values wanted, got those of shape {chosen.shape}")
        rows = np.flatnonzero(chosen) if chosen.dtype.kind == "b" else chosen.astype(np.int64)
        rows = np.where(rows < 0, rows + count, rows)
        low, high = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
        if low < 0 or high > count:
            raise IndexError(f"numbers from 0 to {count - 1} wanted, got others")
        if high - low <= MOST_READ_PER_WANTED * len(rows):
            every = self.part(array.between(axis, low, high))
            return every if np.array_equal(rows, np.arange(low, high)) else every.take(rows - low, axis)
        one = array.between(axis, 0, 1)
        order = sorted(range(array.ndim), key=lambda other: -abs(array.strides[other]))
        found = self._runs(one.transpose(order), rows * array.strides[axis])
        found = np.moveaxis(found, 0, 1 + order.index(axis)).squeeze(order.index(axis))
        return found.transpose(np.argsort(order))

    def _runs(self, array: OnDisk, begins: NDArray[np.int64]) -> NDArray[Any]:
        """Read arrays that lie alike from several places on, [places, *shape], by runs of bytes that lie together."""
        found = np.empty((len(begins), *array.shape), array.dtype)
        inner, run = array.ndim, array.dtype.itemsize
        while inner and array.strides[inner - 1] == run:
            inner, run = inner - 1, run * array.shape[inner - 1]
        places = begins.reshape(-1, *(1,) * inner) + array.offset
        for axis in range(inner):
            steps = np.arange(array.shape[axis], dtype=np.int64) * array.strides[axis]
            places = places + steps.reshape(-1, *(1,) * (inner - axis - 1))
        if found.nbytes:
            rows = found.reshape(-1).view(np.uint8).reshape(places.size, run)
            self.content.gather(rows, places.reshape(-1))
        return found
