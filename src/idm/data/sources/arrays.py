"""Arrays in .npy and .npz files: images, signals, volumes, points; of any real or complex dtype."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.files import open_arrays
from idm.data.arrays.keys import ArrayFile
from idm.data.arrays.named import NamedArrays
from idm.data.base import Indices
from idm.data.reading.damage import reading

KIND, RESTORE = "an array of the shape that it had", "restore it"


class Arrays(NamedArrays):
    """One array of samples in its own dtype; a .npy file stays on disk and is read as needed.

    Labels are in the same .npz file, or in ``labels.npy`` beside a .npy file, or where a name like y_train tells it of
    x_train: one integer or string per sample. The classes are their distinct values in sorted order. Arrays in a .npy
    file have no names, so that no keys can be given.

    Attributes:
        path: a .npy or .npz file.
    """

    def _open(self, where: Path, key: str | None, labels_key: str | None, apart: tuple[str, ...]) -> ArrayFile:
        return open_arrays(where, key, labels_key, apart)

    def _in_array(self, indices: Indices) -> NDArray[Any]:
        with reading(self._where, KIND, RESTORE):
            return np.asarray(self._data[indices])

    def _cut_out(self, keys: Iterable[Any]) -> Iterator[NDArray[Any]]:
        for key in keys:
            with reading(self._where, KIND, RESTORE):
                yield np.array(self._data[key])
