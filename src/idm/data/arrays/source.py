"""Samples along the first axis of one array: what every source of arrays stands on."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.passes import passed
from idm.data.arrays.axes import FIRST, ChannelRule, find_layout
from idm.data.base import BLOCK_BYTES, LEVELS, Indices, Samples, Source, blocks, number_classes
from idm.data.cutting import Window, slabs, windows_at
from idm.data.reading.looks import values_are_looked_at


class ArraySource(Source):
    """Samples along the first axis of one array, which may lie on disk; of any real or complex dtype.

    Complex numbers become two channels each: all real parts, then all imaginary parts.
    """

    @abstractmethod
    def _rows(self, indices: Indices) -> NDArray[Any]:
        """Return the entries of the first axis of those numbers, in that order, as they are stored."""

    def _stored_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        """Go through windows of one entry of the first axis, as they are stored; by default the entry is read whole.

        Args:
            index: number of the entry.
            keys: a slice along each of its axes for each window.
        """
        entry = self._rows(np.array([index]))[0]
        return (entry[key] for key in keys)

    def _adopt(
        self,
        where: object,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        labels: NDArray[Any] | None,
        *,
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
    ) -> None:
        """Decide which axis is which (the first is always the samples), and look at all values.

        Args:
            where: what messages call the array.
            shape: shape of the stored array.
            dtype: its dtype.
            labels: one integer or string per sample; None where there are none.
            channels: where the channel axis is, see idm.data.arrays.axes.find_layout.
            spatial_dims: number of spatial axes; told by the sizes if not given.

        Raises:
            DataError: not numbers; empty or non-finite data; axes that do not fit.
        """
        self._stored = shape
        self._complex = dtype.kind == "c" and dtype.itemsize <= 16
        self.dtype = dtype_of_values(where, shape, dtype)
        self._layout = find_layout(shape, channels, spatial_dims)
        self.layout = (FIRST if self._complex else self._layout).name
        count, *space = self._layout.arrange(np.broadcast_to(np.empty((), np.bool_), (1, *shape[1:]))).shape[1:]
        self.shape = (2 * count if self._complex else count, *space)
        next(self._parts(0))  # what cannot be read at all is found now
        self.levels = LEVELS.get(self.dtype)
        self.labels, self.class_names = (None, None) if labels is None else number_classes(labels)
        parts = ", real and imaginary parts as channels" if self._complex else ""
        self.note = f"array of shape {shape}, read as {self._layout.words}{parts}"
        if values_are_looked_at():
            self._refuse_non_finite(where)

    def __len__(self) -> int:
        """Return the length of the first axis."""
        return self._stored[0]

    def read(self, indices: Indices) -> Samples:
        """Return samples [n, c, *space]."""
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"samples 0 to {len(self) - 1} wanted, got {indices.min()} to {indices.max()}")
        return self._arranged(self._rows(indices))

    def read_windows(self, index: int, firsts: NDArray[np.int64], size: tuple[int, ...]) -> Samples:
        """Return windows of one sample, [k, c, *size]."""
        return np.stack(list(self._windows_of(index, windows_at(firsts, size))))

    def _windows_of(self, index: int, windows: Iterable[Window]) -> Iterator[Samples]:
        """Go through windows of space of a sample, [c, *window] each."""
        keys = [self._layout.key(window) for window in windows]
        return (self._arranged(stored[None])[0] for stored in self._stored_windows(index, keys))

    def _slabs(self) -> Iterator[Window]:
        """Cut the space of a sample into windows of bounded memory."""
        return slabs(self.shape[1:], BLOCK_BYTES // (self.shape[0] * self.dtype.itemsize))

    def _parts(self, index: int) -> Iterator[Samples]:
        """Go through the values of a sample in pieces of bounded memory."""
        return self._windows_of(index, self._slabs())

    def _arranged(self, stored: NDArray[Any]) -> Samples:
        """Return stored samples as [n, c, *space], in the dtype of the source."""
        return np.ascontiguousarray(self._in_order(stored), dtype=self.dtype)

    def _in_order(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return stored samples as [n, c, *space]."""
        rows = self._layout.arrange(stored)
        if self._complex:
            rows = np.concatenate([np.real(rows), np.imag(rows)], axis=1)
        return rows

    def _refuse_non_finite(self, where: object) -> None:
        if self.dtype.kind != "f":
            return
        for indices in passed(blocks(np.arange(len(self)), self.sample_bytes), len(self), "looking at values"):
            finite = self._are_finite(indices)
            if not finite.all():
                raise DataError(self._about_non_finite(where, int(indices[np.argmin(finite)])))

    def _about_non_finite(self, where: object, index: int) -> str:
        """Say that a sample has values that are not finite, and what to do."""
        return (
            f"{where}: finite numbers wanted, got NaN or infinity in sample {index}; replace the values or remove "
            "the samples"
        )

    def _are_finite(self, indices: Indices) -> NDArray[np.bool_]:
        """Say of each of some samples whether all of its values are finite."""
        if self.sample_bytes > BLOCK_BYTES:
            return np.array([all(np.isfinite(part).all() for part in self._parts(index)) for index in indices.tolist()])
        return np.asarray(np.isfinite(self.read(indices)).reshape(len(indices), -1).all(axis=1))


def dtype_of_values(where: object, shape: tuple[int, ...], stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which numbers that are stored as another are read: of complex ones that of their parts.

    Raises:
        DataError: no numbers, or none at all.
    """
    is_complex = stored.kind == "c" and stored.itemsize <= 16
    read_as = np.dtype(f"f{stored.itemsize // 2}" if is_complex else stored).newbyteorder("=")
    if read_as.kind not in "buif" or read_as.itemsize > 8:
        raise DataError(
            f"{where}: numbers of at most 64 bits wanted, got {stored}; save them as integers or as float64"
        )
    if not shape or min(shape) < 1:
        raise DataError(f"{where}: at least one sample with at least one value wanted, got shape {shape}")
    return read_as
