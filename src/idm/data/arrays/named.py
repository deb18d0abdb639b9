"""Arrays that lie in a file or store by name: what their sources share, options included."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.keys import CLASS_NAMES, ArrayFile, Keys, choose_keys
from idm.data.arrays.measured import Missing, MissingRule
from idm.data.arrays.nan_source import NanSource
from idm.data.arrays.packing import Packing
from idm.data.base import Indices
from idm.data.beside import Beside
from idm.data.cutting import Window
from idm.data.file_names import composed
from idm.data.label_names import NO_LABELS, as_text
from idm.data.names import chosen_names, names_or_numbers

MOST_UNPACKED_PER_BYTE, HARMLESS_BYTES = 5_000, 2**24
"""Most bytes of values that a stored byte stands for, and how many are never too many: gzip makes 1,032 of one."""


class NamedArrays(NanSource):
    """One array of a file or store, perhaps with another that holds the labels.

    Args:
        path: the file or folder.
        key: name of the data among the arrays of the file, or their path there, such as group/images; by default the
            only array besides the labels, or the one called data, images, x or arr_0, or train_images, x_train,
            train/images and the like.
        labels_key: name or path of the labels there, or "none"; by default labels, y, label, targets, classes and the
            like, with train where the data have it.
        channels: where the channel axis is: "first" (n c *space), "last" (n *space c), "none" (n *space, one channel);
            "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is unclear.
        spatial_dims: number of spatial axes, from 0 (points) to 3; told by the sizes if not given.
        samples: a sample is an entry of the first axis; or the whole array, such as a raster that is cut into patches,
            which has no labels. By default entries, but for an array of two axes that is cut and has neither labels nor
            anything else for each entry: it is one raster.
        missing: what becomes of NaN: "refuse" it, "fill" it, or "skip" the samples that have some.
        fill: what stands for NaN with missing=fill.
        apart: arrays that are neither data nor labels unless they are named so, such as those that name groups.
        in_patches: samples are cut into patches: entries of an array of two axes of which nothing is said are signals
            then, not points, which could not be cut; of patches those that miss values are skipped with missing=skip.
        num_axes: number of axes of space that samples have, where it is known; a raster has two.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        key: str | None = None,
        labels_key: str | None = None,
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
        samples: Literal["entries", "whole"] | None = None,
        missing: MissingRule = "refuse",
        fill: float = 0.0,
        apart: tuple[str, ...] = (),
        in_patches: bool = False,
        num_axes: int | None = None,
    ) -> None:
        """Open it, decide which axis is which, and look at all values.

        Raises:
            UnreadableFileError: not such a file or store, or damaged.
            DataError: a package that reads it is missing; no such array; ragged, empty or non-finite data; axes or
                labels that do not fit.
        """
        self._where, self._is_whole = Path(path).absolute(), samples == "whole"
        found = self._open(self._where, key, NO_LABELS if self._is_whole else labels_key, apart)
        self._data, axes, labels, remarks = found.data, found.data.shape, found.labels, found.remarks
        if len(axes) == 2 and channels == "auto" and spatial_dims is None and (self._is_whole or in_patches):
            channels = "none"  # points could not be cut
            if samples is None and num_axes != 1:
                self._is_whole = labels is None and not apart and num_axes in (None, 2)
                remarks = (*remarks, (one_raster if self._is_whole else signals)(axes))
        shape = (1, *axes) if self._is_whole else axes
        dtype = np.dtype(found.data.dtype)
        rule = Missing(missing, fill, Packing(dtype).may_miss, in_patches)
        self._adopt_measured(self._where, shape, dtype, labels, rule, channels=channels, spatial_dims=spatial_dims)
        self.remarks, self.beside = (*remarks, *self._about_missing), found.beside.of_rows(self._kept, shape[0])
        if self._kept is not None:
            self.names = chosen_names(names_or_numbers(None, shape[0]), self._kept)
        if found.class_names is not None and self.class_names is not None:
            self.class_numbers = self.class_names
            self.class_names = tuple(found.class_names[int(number)] for number in self.class_numbers)

    @abstractmethod
    def _open(self, where: Path, key: str | None, labels_key: str | None, apart: tuple[str, ...]) -> ArrayFile:
        """Find data and labels, which are not ``apart``; keys are None where nothing is said of them."""

    @abstractmethod
    def _in_array(self, indices: Indices) -> NDArray[Any]:
        """Return entries of the first axis of the array, in any order."""

    @abstractmethod
    def _cut_out(self, keys: Iterable[Any]) -> Iterator[NDArray[Any]]:
        """Go through parts of the array, by numbers, slices or an ellipsis, in memory."""

    def _entries(self, indices: Indices) -> NDArray[Any]:
        if not self._is_whole:
            return self._in_array(indices)
        (whole,) = self._cut_out([...])
        return np.repeat(whole[None], len(indices), axis=0)

    def _entry_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        return self._cut_out(key if self._is_whole else (index, *key) for key in keys)


def one_raster(axes: Sequence[int]) -> str:
    """Say that an array of two axes is taken for a raster."""
    height, width = axes
    return f"read as one raster of {height:,} x {width:,} places; data.source.channels=none reads {height:,} signals"


def signals(axes: Sequence[int]) -> str:
    """Say that an array of two axes is taken for signals."""
    count, length = axes
    return f"read as {count:,} signals of {length:,} places; data.source.samples=whole reads one raster, without labels"


def choose_arrays(
    where: Path,
    arrays: Sequence[str],
    key: str | None,
    labels_key: str | None,
    member: Callable[[str], Any],
    apart: tuple[str, ...] = (),
) -> ArrayFile:
    """Choose data and labels among arrays with names, see ``choose_keys``; labels, and the names they number, are read.

    Args:
        where: the file or folder.
        arrays: names of all.
        key: name of the data, if it is known.
        labels_key: name of the labels, if it is known, or "none".
        member: returns the array of a name, in memory or on disk.
        apart: names of arrays that are neither.

    Raises:
        DataError: as ``choose_keys`` and ``refuse_unstored``; what must be labels is none.
    """
    keys = choose_keys(where, arrays, key, labels_key, apart)
    data, labels = member(keys.data), None
    shape = tuple(data.shape)
    refuse_unstored(where, data)
    if keys.labels is not None:
        stored = member(keys.labels)
        labels = keys.labels_of(where, shape, tuple(stored.shape or ()), partial(_read_whole, where, stored))
    names = _class_names(where, keys, labels, member)
    others = tuple(name for name in arrays if name != keys.data)
    remarks = keys.remarks(labels, named=names is not None)
    return ArrayFile(data, labels, remarks, names, Beside(others, lambda name: _read_whole(where, member(name))))


def _class_names(
    where: Path, keys: Keys, labels: NDArray[Any] | None, member: Callable[[str], Any]
) -> tuple[str, ...] | None:
    """Read the names of the classes that labels number; None where there are none, or not one for each."""
    if labels is None or labels.dtype.kind not in "iu" or CLASS_NAMES not in keys.others or not len(labels):
        return None
    try:
        names = as_text(where, _read_whole(where, member(CLASS_NAMES)))
    except DataError:  # nobody asked for them
        return None
    used = np.unique(labels)
    if names.ndim != 1 or names.dtype.kind != "U" or used[0] < 0 or used[-1] >= len(names):
        return None
    is_one_each = len({composed(name) for name in names[used].tolist()}) == len(used)
    return tuple(names.tolist()) if is_one_each else None


def _read_whole(where: Path, stored: Any) -> NDArray[Any]:
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
    if num_bytes <= HARMLESS_BYTES:
        return
    stored = sum(path.stat().st_size for path in ([where] if where.is_file() else where.rglob("*")))
    if num_bytes > MOST_UNPACKED_PER_BYTE * stored:
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
