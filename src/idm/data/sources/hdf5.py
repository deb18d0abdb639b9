"""Arrays in HDF5 files, left on disk and read as needed."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.keys import ArrayFile
from idm.data.arrays.named import NamedArrays, choose_arrays, read_sorted
from idm.data.base import Indices
from idm.data.extras import import_extra
from idm.data.reading.damage import reading


class Hdf5(NamedArrays):
    """One data set of an HDF5 file, perhaps with another that holds the labels (needs h5py).

    Data sets outside of the file, behind a link, are not found.

    Attributes:
        path: a .h5 or .hdf5 file.
    """

    def _open(self, where: Path, key: str | None, labels_key: str | None) -> ArrayFile:
        if not where.is_file():
            raise DataError(f"{where}: an HDF5 file wanted, got {kind_at(where)}")
        h5py = import_extra("h5py", "hdf5")
        with reading(where, "an HDF5 file", "write it with h5py"):
            self._file = h5py.File(where, "r")
            return choose_arrays(where, _data_sets(h5py, self._file), key, labels_key, self._file.__getitem__)

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
