"""Arrays in HDF5 files, left on disk and read as needed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.keys import ArrayFile
from idm.data.arrays.named import NamedArrays, choose_arrays, read_sorted
from idm.data.base import Indices
from idm.data.extras import import_extra
from idm.data.reading.damage import reading
from idm.data.remarks import listed


class Hdf5(NamedArrays):
    """One data set of an HDF5 file, perhaps with another that holds the labels (needs h5py).

    Links are not followed, and data sets whose values lie outside of the file are not read; ``remarks`` names them.

    Attributes:
        path: a .h5 or .hdf5 file.
    """

    def _open(self, where: Path, key: str | None, labels_key: str | None, apart: tuple[str, ...]) -> ArrayFile:
        if not where.is_file():
            raise DataError(f"{where}: an HDF5 file wanted, got {kind_at(where)}")
        h5py = import_extra("h5py", "hdf5")
        with reading(where, "an HDF5 file", "write it with h5py"):
            self._file = h5py.File(where, "r")
            names, elsewhere = data_sets(h5py, self._file)
            if elsewhere and not names:
                raise DataError(
                    f"{where}: a data set whose values lie in the file wanted, got links or values elsewhere "
                    f"({listed(elsewhere)}), which are not followed; copy the values into the file"
                )
            found = choose_arrays(where, names, key, labels_key, self._file.__getitem__, apart)
            remark = f"not read: {listed(elsewhere)}; links, and values that lie elsewhere, are not followed"
            return replace(found, remarks=(*found.remarks, remark)) if elsewhere else found

    def _in_array(self, indices: Indices) -> NDArray[Any]:
        with reading(self._where, "an HDF5 file", "write it again"):
            return read_sorted(self._data, indices)

    def _cut_out(self, keys: Iterable[Any]) -> Iterator[NDArray[Any]]:
        for key in keys:
            with reading(self._where, "an HDF5 file", "write it again"):
                yield np.asarray(self._data[key])


def data_sets(h5py: Any, group: Any, above: str = "", entered: set[Any] | None = None) -> tuple[list[str], list[str]]:
    """Paths of all data sets whose values lie in the file itself, and of what may be a data set and is not followed.

    These are links, and data sets whose values lie elsewhere. A group is entered once, however many names lead to it.
    """
    entered = {group} if entered is None else entered
    found: list[str] = []
    elsewhere: list[str] = []
    for name in group:
        path = f"{above}{name}"
        is_link = not isinstance(group.get(name, getlink=True), h5py.HardLink)
        item: Any = None if is_link else group[name]
        if isinstance(item, h5py.Group):
            if item not in entered:
                entered.add(item)
                below = data_sets(h5py, item, f"{path}/", entered)
                found, elsewhere = found + below[0], elsewhere + below[1]
        elif isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual:
            found.append(path)
        elif is_link or isinstance(item, h5py.Dataset):
            elsewhere.append(path)
    return found, elsewhere
