"""Samples along the first axis of one array: what every source of arrays stands on."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import FIRST, ChannelRule, find_layout
from idm.data.base import LEVELS, Indices, Samples, Source, blocks, number_classes


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
