"""Arrays in .npy and .npz files: images, signals, volumes, points; of any real or complex dtype."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.files import open_arrays
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices


class Arrays(ArraySource):
    """One array of samples in its own dtype; a .npy file stays on disk and is read as needed.

    Labels are in the same .npz file, or in ``labels.npy`` beside a .npy file, or where a name like y_train tells it of
    x_train: one integer or string per sample.
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
                data, images, x or arr_0, or train_images, x_train and the like.
            labels_key: name of the labels in a .npz file, or "none"; by default labels, y, label, targets, classes and
                the like, with train where the data have it.
            channels: where the channel axis is: "first" (n c *space), "last" (n *space c), "none" (n *space,
                one channel); "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is
                unclear.
            spatial_dims: number of spatial axes, from 0 (points) to 3; told by the sizes if not given.

        Raises:
            UnreadableFileError: not an array file, or damaged.
            DataError: ragged, empty or non-finite data; axes or labels that do not fit.
        """
        where = Path(path)
        arrays = open_arrays(where, key, labels_key)
        self._data = arrays.data
        self._adopt(
            where, self._data.shape, self._data.dtype, arrays.labels, channels=channels, spatial_dims=spatial_dims
        )
        self.remarks = arrays.remarks

    def _rows(self, indices: Indices) -> NDArray[Any]:
        return self._data[indices]
