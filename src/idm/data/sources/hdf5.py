"""Arrays in HDF5 files, left on disk and read as needed."""

from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.files import choose_keys
from idm.data.arrays.source import ArraySource, read_sorted, read_whole, refuse_unstored
from idm.data.base import Indices
from idm.data.extras import import_extra
from idm.data.reading.damage import reading


class Hdf5(ArraySource):
    """One data set of an HDF5 file, perhaps with another that holds the labels (needs h5py)."""

    def __init__(
        self,
        path: str | Path,
        *,
        key: str | None = None,
        labels_key: str | None = None,
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
    ) -> None:
        """Open the file and look at all values.

        Args:
            path: a .h5 or .hdf5 file.
            key: path of the data in the file, such as group/images; by default the only data set besides the labels,
                or the one called data, images, x or arr_0, or train/images and the like.
            labels_key: path of the labels, or "none"; by default labels, y, label, targets, classes and the like, with
                train where the data have it.
            channels: where the channel axis is: "first", "last", "none", or "auto" by the sizes.
            spatial_dims: number of spatial axes, from 0 (points) to 3; told by the sizes if not given.

        Raises:
            UnreadableFileError: not such a file, or damaged.
            DataError: h5py is missing; no such data set, or one outside of this file; data that are not read.
        """
        where = Path(path)
        if not where.is_file():
            raise DataError(f"{where}: an HDF5 file wanted, got {kind_at(where)}")
        h5py, self._where = import_extra("h5py", "hdf5"), where
        with reading(where, "an HDF5 file", "write it with h5py"):
            self._file = h5py.File(where, "r")
            names = _data_sets(h5py, self._file)
            keys = choose_keys(where, names, key, labels_key)
            self._data = self._file[keys.data]
            shape, dtype = tuple(self._data.shape), self._data.dtype
            refuse_unstored(where, self._data)
            stored = None if keys.labels is None else self._file[keys.labels]
            labels = (
                None
                if stored is None
                else keys.labels_of(where, shape, tuple(stored.shape or ()), partial(read_whole, where, stored))
            )
        self._adopt(where, shape, dtype, labels, channels=channels, spatial_dims=spatial_dims)
        self.remarks = keys.remarks(labels)

    def _rows(self, indices: Indices) -> NDArray[Any]:
        with reading(self._where, "an HDF5 file", "write it again"):
            return read_sorted(self._data, indices)


def _data_sets(h5py: Any, group: Any, above: str = "", entered: set[Any] | None = None) -> list[str]:
    """Paths of all data sets whose values lie in the file itself: no links to other files are followed.

    A group is entered once, however many names lead to it.
    """
    entered = {group} if entered is None else entered
    found: list[str] = []
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            if item not in entered:
                entered.add(item)
                found += _data_sets(h5py, item, f"{above}{name}/", entered)
        elif isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual:
            found.append(f"{above}{name}")
    return found
