"""Samples along the first axis of one array: what every source of arrays stands on."""

import math
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import FIRST, ChannelRule, find_layout
from idm.data.base import LEVELS, Indices, Samples, Source, blocks, number_classes

MOST_PACKED, NEVER_TOO_MANY = 5_000, 2**24
"""Bytes of values that a stored byte stands for at most, and how many are never too many: gzip makes 1,032 of one."""


class ArraySource(Source):
    """Samples along the first axis of one array, which may lie on disk; of any real or complex dtype.

    Complex numbers become two channels each: all real parts, then all imaginary parts.
    """

    @abstractmethod
    def _rows(self, indices: Indices) -> NDArray[Any]:
        """Return the entries of the first axis of those numbers, in that order, as they are stored."""

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
        self.dtype = np.dtype(f"f{dtype.itemsize // 2}" if self._complex else dtype).newbyteorder("=")
        if self.dtype.kind not in "buif" or self.dtype.itemsize > 8:
            raise DataError(
                f"{where}: numbers of at most 64 bits wanted, got {dtype}; save them as integers or as float64"
            )
        if 0 in shape or not shape:
            raise DataError(f"{where}: at least one sample with at least one value wanted, got shape {shape}")
        self._layout = find_layout(shape, channels, spatial_dims)
        self.layout = (FIRST if self._complex else self._layout).name
        self.shape = self.read(np.arange(1)).shape[1:]
        self.levels = LEVELS.get(self.dtype)
        self.labels, self.class_names = (None, None) if labels is None else number_classes(labels)
        parts = ", real and imaginary parts as channels" if self._complex else ""
        self.note = f"array of shape {shape}, read as {self._layout.words}{parts}"
        self._refuse_non_finite(where)

    def __len__(self) -> int:
        """Return the length of the first axis."""
        return self._stored[0]

    def read(self, indices: Indices) -> Samples:
        """Return samples [n, c, *space]."""
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"samples 0 to {len(self) - 1} wanted, got {indices.min()} to {indices.max()}")
        rows = self._layout.arrange(self._rows(indices))
        if self._complex:
            rows = np.concatenate([np.real(rows), np.imag(rows)], axis=1)
        return np.ascontiguousarray(rows, dtype=self.dtype)

    def _refuse_non_finite(self, where: object) -> None:
        if self.dtype.kind != "f":
            return
        for indices in blocks(np.arange(len(self)), self.sample_bytes):
            finite = np.isfinite(self.read(indices)).reshape(len(indices), -1).all(axis=1)
            if not finite.all():
                raise DataError(
                    f"{where}: finite numbers wanted, got NaN or infinity in sample {indices[np.argmin(finite)]}; "
                    "replace the values or remove the samples"
                )


def read_whole(where: Path, stored: Any) -> NDArray[Any]:
    """Read all values of an array in a file or folder.

    Raises:
        DataError: as ``refuse_unstored``.
    """
    refuse_unstored(where, stored)
    return np.asarray(stored[...])


def refuse_unstored(where: Path, array: Any) -> None:
    """Refuse an array that declares far more than its file, or its folder, has room for: it would fill memory.

    Args:
        where: the file or folder.
        array: has a shape and a dtype.

    Raises:
        DataError: it does.
    """
    num_bytes = math.prod(array.shape) * np.dtype(array.dtype).itemsize
    if num_bytes <= NEVER_TOO_MANY:
        return
    stored = sum(path.stat().st_size for path in ([where] if where.is_file() else where.rglob("*")))
    if num_bytes > MOST_PACKED * stored:
        raise DataError(
            f"{where}: as many values as are stored wanted, got {num_bytes:,} bytes of them declared in {stored:,}; "
            "write it again"
        )


def read_sorted(stored: Any, indices: Indices) -> NDArray[Any]:
    """Read entries in any order, repeated ones too, from an array that gives only rising ones."""
    if len(indices) == 0:
        return np.asarray(stored[:0])
    distinct, places = np.unique(indices, return_inverse=True)
    low, high = int(distinct[0]), int(distinct[-1]) + 1
    if high - low == len(distinct):
        return np.asarray(stored[low:high])[places]
    return np.asarray(stored[distinct])[places]
