"""A folder of .npy files, each of which holds one sample; classes are those of folders of images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.alike import Kind, refuse_unlike
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.files import array_on_disk
from idm.data.arrays.measured import Missing, MissingRule
from idm.data.arrays.nan_source import NanSource
from idm.data.arrays.packing import Packing
from idm.data.base import Indices
from idm.data.cutting import Window
from idm.data.images.check import gather
from idm.data.images.files import LabelRule, find_files, read_label_names
from idm.data.names import chosen_names
from idm.data.parts import choose_part
from idm.data.reading.damage import reading

SAMPLE_SUFFIX = ".npy"
FEWEST_FILES, MOST_COMPARED = 5, 20
"""Fewest files that are taken for samples where nothing is said; most of them that are compared before they are."""


class ArrayFolder(NanSource):
    """One sample for each .npy file below a folder, all of one shape and dtype, read as they are needed."""

    def __init__(
        self,
        path: str | Path,
        *,
        labels: LabelRule = "auto",
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
        missing: MissingRule = "refuse",
        fill: float = 0.0,
        split: str | None = None,
        in_patches: bool = False,
    ) -> None:
        """Judge the headers of all files and look at all values.

        Args:
            path: the folder; its sub-folders are included, hidden files are not.
            labels: where classes come from, as for folders of images.
            channels: where the channel axis of a sample is: "first" (c *space), "last" (*space c), "none" (*space, one
                channel); "auto" tells by the sizes, see idm.data.arrays.axes.find_layout, and refuses what is unclear.
            spatial_dims: number of spatial axes, from 0 (points) to 3; told by the sizes if not given.
            missing: what becomes of NaN: "refuse" it, "fill" it, or "skip" the samples that have some.
            fill: what stands for NaN with missing=fill.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.
            in_patches: samples are cut into patches, of which those that miss values are skipped with missing=skip.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no files; files of several shapes or dtypes; axes that are unclear; values that are not finite.
        """
        where = Path(path).absolute()
        if not where.is_dir():
            raise DataError(f"{where}: a folder of .npy files wanted, got {kind_at(where)}; check the path")
        files = [file for file in find_files(where)[1] if file.lower().endswith(SAMPLE_SUFFIX)]
        if not files:
            raise DataError(f"{where}: .npy files wanted, got a folder without any; check the path")
        chosen = choose_part(where, files, split, every=True)
        self._files = [where / file for file in chosen.files]
        headers = gather(_look, self._files)
        first, name = headers[0], self._files[0].name
        gather(lambda row: refuse_unlike(self._files[row], headers[row], first, name), range(len(headers)))
        shape, self._dtype_of_files = first
        self._all, dtype = (len(self._files), *shape), self._dtype_of_files
        known, note = read_label_names(list(chosen.below), labels)
        rule = Missing(missing, fill, Packing(dtype).may_miss, in_patches)
        self._adopt_measured(where, self._all, dtype, known, rule, channels=channels, spatial_dims=spatial_dims)
        self.names, self.note = chosen_names(chosen.files, self._kept), f"{self.note}, {note}"
        self.remarks = (*chosen.remarks, *self._about_missing)

    def _entries(self, indices: Indices) -> NDArray[Any]:
        rows = np.empty((len(indices), *self._all[1:]), dtype=self._dtype_of_files)
        for row, index in zip(rows, indices, strict=True):
            with reading(self._files[index], "an array of the shape that it had", "restore it"):
                row[...] = array_on_disk(self._files[index])[...]
        return rows

    def _entry_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        for key in keys:
            with reading(self._files[index], "an array of the shape that it had", "restore it"):
                yield array_on_disk(self._files[index])[key]


def holds_samples(where: Path, files: list[str]) -> bool:
    """Whether .npy files hold a sample each: several of one shape and dtype, as far as some of them tell."""
    if len(files) < FEWEST_FILES or not all(file.lower().endswith(SAMPLE_SUFFIX) for file in files):
        return False
    places = np.unique(np.linspace(0, len(files) - 1, MOST_COMPARED).round().astype(int))
    try:
        return len({_look(where / files[place]) for place in places}) == 1
    except DataError:
        return False


def _look(path: Path) -> Kind:
    """Return shape and dtype of one file."""
    found = array_on_disk(path)
    return found.shape, found.dtype
