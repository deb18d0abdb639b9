"""Arrays in .npy and .npz files: images, signals, volumes, points; of any real dtype."""

from pathlib import Path

import numpy as np

from idm.core.errors import DataError
from idm.data.array_files import open_arrays
from idm.data.axes import ChannelRule, find_layout
from idm.data.base import LEVELS, Indices, Samples, Source, blocks, number_classes


class Arrays(Source):
    """One array of samples in its own dtype; a .npy file stays on disk and is read as needed.

    Labels are in the same .npz file, or in ``labels.npy`` beside a .npy file: one integer or string per sample.
    The classes are their distinct values in sorted order.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        key: str | None = None,
        labels_key: str | None = None,
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
    ) -> None:
        """Open the file, decide which axis is which (the first is always the samples), and look at all values.

        Args:
            path: a .npy or .npz file.
            key: name of the data in a .npz file; by default the only array besides the labels, or the one called
                data, images, x or arr_0.
            labels_key: name of the labels in a .npz file; by default labels or y, if there is one.
            channels: where the channel axis is: "first" (n c *space), "last" (n *space c), "none" (n *space,
                one channel); "auto" tells by the sizes, see idm.data.axes.find_layout, and refuses what is unclear.
            spatial_dims: number of spatial axes, from 0 (points) to 3; told by the sizes if not given.

        Raises:
            UnreadableFileError: not an array file, or damaged.
            DataError: ragged, empty, complex or non-finite data; axes or labels that do not fit.
        """
        where = Path(path)
        arrays = open_arrays(where, key, labels_key)
        self._data = arrays.data
        self.dtype = self._data.dtype.newbyteorder("=")
        if self.dtype.kind not in "buif" or self.dtype.itemsize > 8:
            raise DataError(
                f"{where}: real numbers of at most 64 bits wanted, got {self.dtype}; "
                "save the parts of complex numbers as channels, and long floats as float64"
            )
        if self._data.size == 0:
            raise DataError(
                f"{where}: at least one sample with at least one value wanted, got shape {self._data.shape}"
            )
        self._layout = find_layout(self._data.shape, channels, spatial_dims)
        self.layout = self._layout.name
        self.shape = self.read(np.arange(1)).shape[1:]
        self.levels = LEVELS.get(self.dtype)
        self.labels, self.class_names = None, None
        if arrays.labels is not None:
            self.labels, self.class_names = number_classes(arrays.labels)
        self.note = f"array of shape {self._data.shape}, read as {self._layout.words}"
        self._refuse_non_finite(where)

    def __len__(self) -> int:
        """Return the length of the first axis."""
        return len(self._data)

    def read(self, indices: Indices) -> Samples:
        """Return samples [n, c, *space]."""
        return np.ascontiguousarray(self._layout.arrange(self._data[indices]), dtype=self.dtype)

    def _refuse_non_finite(self, where: Path) -> None:
        if self.dtype.kind != "f":
            return
        for indices in blocks(np.arange(len(self)), self.sample_bytes):
            finite = np.isfinite(self.read(indices)).reshape(len(indices), -1).all(axis=1)
            if not finite.all():
                raise DataError(
                    f"{where}: finite numbers wanted, got NaN or infinity in sample {indices[np.argmin(finite)]}; "
                    "replace the values or remove the samples"
                )
