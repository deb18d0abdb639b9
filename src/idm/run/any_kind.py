"""Samples in files of every kind that training reads, opened like the data of a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.progress import warn
from idm.data import SOURCES, Dataset
from idm.data.arrays.measured import MeasuredSource
from idm.data.base import Source
from idm.data.images.files import SUFFIXES
from idm.data.infer import locate
from idm.run.alike import Alike, Like, open_alike
from idm.run.drawing import require_memory
from idm.run.opened import Opened

MISSING, FILL = "missing", "fill"
"""Options of sources that say what becomes of missing values, and what fills them."""

MEASURED = frozenset({"tiff", "tiff_stack"})
"""Sources of measurements in files that pictures have the suffixes of."""


def is_picture(run: Opened, path: Path) -> bool:
    """Whether a file is read as a picture: by its suffix, but for those of runs on measurements in TIFF files."""
    return path.suffix.lower() in SUFFIXES and run.experiment.data.source.name not in MEASURED


def open_any(run: Opened, path: Path, shape: tuple[int, ...] | None = None) -> Source:
    """Open a file or folder of any kind that ``idm train --data`` reads.

    Args:
        run: the run.
        path: the file or folder.
        shape: of what lies in it; that of the run's samples by default.

    Raises:
        DataError: it is of no such kind, cannot be read, or holds samples of another shape.
        SettingsError: more samples than memory holds.
    """
    alike = Alike.samples_of(Like.of(run))
    if shape is not None and shape != run.spec.shape:  # observations, such as means of blocks
        alike = replace(alike, shape=shape, crop=0, image_size=None, cut=None)
    source, _ = open_alike(alike, path.absolute(), {})
    require_memory(len(source), run.spec.shape, "samples")
    return source


def open_with_gaps(run: Opened, path: Path) -> Source:
    """Open such a file or folder, whatever values it misses; of those that miss some ``read_with_gaps`` tells which.

    Errors as of ``open_any``.
    """
    told = {MISSING: FILL} if _may_miss(path) else {}
    source, _ = open_alike(Alike.samples_of(Like.of(run)), path.absolute(), told)
    require_memory(len(source), run.spec.shape, "samples")
    return source


def read_with_gaps(run: Opened, path: Path) -> NDArray[np.float64]:
    """Read all samples of such a file or folder [n, c, *space], NaN where values are missing; errors as there.

    Only kinds of files that may have missing values, such as NetCDF, HDF5 and NIfTI, have such gaps here.
    """
    source = open_with_gaps(run, path)
    if isinstance(source, MeasuredSource):
        values = source.read_with_gaps(np.arange(len(source)))
    else:
        if _may_miss(path):  # patches, of which what they miss is refused
            source = open_any(run, path)
        values = source.read(np.arange(len(source)))
    _refuse_other_numbers(run, path, source.dtype, values)
    for remark in run.spec.codec.remarks_on(values):
        warn(remark.replace("data:", f"{path}:", 1))
    return values.astype(np.float64)


def _refuse_other_numbers(run: Opened, path: Path, dtype: np.dtype[Any], values: NDArray[Any]) -> None:
    """Refuse numbers of a type whose values mean something else, such as sound in floats beside sound in integers.

    Floats that are whole numbers, or gaps, are those of a run on integers.

    Raises:
        DataError: they are.
    """
    known = np.dtype(run.spec.codec.dtype)
    if known.kind not in "bui":
        return
    is_known = dtype.itemsize <= known.itemsize if dtype.kind in "bui" else _are_whole(values[~np.isnan(values)])
    if not is_known:
        raise DataError(f"{path}: {known} values wanted, as the run was trained on, got {dtype}; convert them")


def _are_whole(values: NDArray[Any]) -> bool:
    return bool((values == np.rint(values)).all())


def _may_miss(path: Path) -> bool:
    """Whether a kind of files has missing values of its own."""
    return FILL in SOURCES.options(locate(path.absolute(), None)[0])


def dataset_of_any(run: Opened, path: Path) -> Dataset:
    """Open such a file or folder with the run's codec, cut as its samples are; errors as of ``open_any``."""
    source = open_any(run, path)
    return Dataset(source, run.spec.codec, np.arange(len(source)), crop=run.experiment.data.random_crop)
