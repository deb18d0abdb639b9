"""IDX files, as MNIST and the like come in: samples, with their labels in a file beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.idx_files import is_idx, labels_of_idx, open_idx
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices
from idm.data.images.check import gather
from idm.data.images.files import find_files
from idm.data.label_names import is_of_labels
from idm.data.parts import choose_part, parts_of
from idm.data.remarks import listed

IMAGE_AXES = 3
"""Axes of an array of images of one channel."""


class Idx(ArraySource):
    """The array of an IDX file, or of one for each part of the data in a folder; labels are found by their name."""

    def __init__(
        self,
        path: str | Path,
        *,
        labels: Literal["auto", "none"] = "auto",
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
        split: str | None = None,
    ) -> None:
        """Compare the sizes of all files with what is stored, and look at all values.

        Args:
            path: a file of samples, such as train-images-idx3-ubyte or train-images-idx3-ubyte.gz, or their folder.
            labels: whether classes are read from the file beside it, train-labels-idx1-ubyte, if there is one.
            channels: where the channel axis is: "first", "last", "none" or "auto", which takes three axes for images
                of one channel and tells others by their sizes.
            spatial_dims: number of spatial axes; told by the sizes if not given.
            split: which part of a folder is read, train or test, of which t10k is one; by default all together.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no such files; several of one part; arrays of different shape; labels that do not fit.
        """
        where = Path(path).absolute()
        files = _files(where) if where.is_dir() else [""]
        chosen = choose_part(where, files, split if where.is_dir() else None, every=False)
        _refuse_several(where, chosen.files)
        self._files = [where / file for file in chosen.files] if where.is_dir() else [where]
        self._arrays = gather(open_idx, self._files)
        gather(self._compare, range(len(self._arrays)))
        self._ends = np.cumsum([len(array) for array in self._arrays])
        first = self._arrays[0]
        found = None if labels == "none" else self._labels()
        is_of_images = first.ndim == IMAGE_AXES and channels == "auto" and spatial_dims is None
        rule = "none" if is_of_images else channels
        shape = (int(self._ends[-1]), *first.shape[1:])
        self._adopt(where, shape, first.dtype, found, channels=rule, spatial_dims=spatial_dims)
        self.note, self.remarks = f"IDX, {self.note}, {'no labels' if found is None else 'labels'}", chosen.remarks

    def _compare(self, row: int) -> None:
        first, found = self._arrays[0], self._arrays[row]
        if found.ndim == 0 or (found.shape[1:], found.dtype) != (first.shape[1:], first.dtype):
            raise DataError(
                f"{self._files[row]}: samples of shape {first.shape[1:]}, {first.dtype.name}, wanted as in "
                f"{self._files[0].name}, got an array of shape {found.shape}, {found.dtype.name}; give one of the files"
            )

    def _labels(self) -> NDArray[Any] | None:
        """Read the labels of all files; None where one of them has none."""
        found = [labels_of_idx(file) for file in self._files]
        beside = [file for file in found if file is not None]
        if len(beside) < len(found):
            return None
        labels = [found[...] for found in gather(open_idx, beside)]
        for array, file, numbers in zip(self._arrays, beside, labels, strict=True):
            if numbers.shape != array.shape[:1] or numbers.dtype.kind not in "iu":
                raise DataError(
                    f"{file}: a whole number for each of {len(array):,} samples wanted, got an array of shape "
                    f"{numbers.shape}, {numbers.dtype.name}; replace it, or set data.source.labels=none"
                )
        return np.concatenate(labels).astype(np.int64)

    def _rows(self, indices: Indices) -> NDArray[Any]:
        owners = np.searchsorted(self._ends, indices, side="right")
        rows = np.empty((len(indices), *self._stored[1:]), self._arrays[0].dtype)
        for owner in np.unique(owners):
            places, array = owners == owner, self._arrays[owner]
            rows[places] = array[indices[places] - (self._ends[owner] - len(array))]
        return rows


def _files(where: Path) -> list[str]:
    """List the files of samples below a folder; of a packed and a plain one the plain one.

    Raises:
        DataError: none.
    """
    every = [file for file in find_files(where)[1] if is_idx(file) and not is_of_labels(Path(file).name)]
    files = [file for file in every if not (file.lower().endswith(".gz") and file[: -len(".gz")] in every)]
    if not files:
        raise DataError(f"{where}: IDX files of samples wanted, got a folder without any; check the path")
    return files


def _refuse_several(where: Path, files: Sequence[str]) -> None:
    """Refuse to mix data sets: of each part there may be one file.

    Raises:
        DataError: there are more.
    """
    if len(files) > len(set(parts_of(files, every=False) or (None,))):
        raise DataError(f"{where}: one IDX file of samples of each part wanted, got {listed(files)}; give one of them")
