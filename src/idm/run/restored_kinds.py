"""Kinds of files that restored samples come back in: those that they were seen in."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.axes import LAYOUTS
from idm.data.arrays.nifti_places import place_of
from idm.data.extras import import_extra
from idm.data.sources.nifti import NIFTI_SUFFIXES
from idm.data.writers.nifti import UNKNOWN, nifti_bytes
from idm.data.writers.npz import npz_bytes
from idm.data.writers.png import png_bytes
from idm.report.pictures import fit_png
from idm.run.opened import Opened
from idm.run.point_files import TABLE_SUFFIXES, table_of

ARRAY_SUFFIXES = (".npy", ".npz")


@dataclass(frozen=True, eq=False)
class Kind:
    """How restored samples are written.

    Attributes:
        suffix: of the files.
        separate: whether each draw has a file of its own.
        write: makes a file of a sample, of a set of them, or of all draws of a sample, in the units and order of axes
            of the data.
    """

    suffix: str
    separate: bool
    write: Callable[[NDArray[Any]], bytes]

    def names(self, title: str, num: int) -> list[str]:
        """Name the files of the draws."""
        return [f"{title}-{j:02d}{self.suffix}" for j in range(num)] if self.separate else [f"{title}{self.suffix}"]

    def summary(self, title: str) -> tuple[str, str]:
        """Name the files of mean and standard deviation."""
        return f"{title}-mean{self.suffix}", f"{title}-std{self.suffix}"


def kind_of_set(run: Opened, file: Path | None) -> Kind:
    """Return how sets of samples that came in one file are written: as such a set for each draw."""
    suffix = "" if file is None else file.suffix.lower()
    if file is not None and suffix in TABLE_SUFFIXES:
        table = table_of(file, run.experiment.data)
        return Kind(suffix, True, lambda points: table.write(points, run.spec))
    return Kind(".npz", True, _npz) if suffix == ".npz" else Kind(".npy", True, _npy)


def kind_of_sample(run: Opened, file: Path | None, reference: Path | None) -> Kind:
    """Return how a sample that belongs to a file is written: as it was, or as the run's data best are.

    Args:
        run: the run.
        file: the observation's own file; None where it has none.
        reference: another file whose place in the world a volume has, such as its mask.
    """
    where = nifti_among(file, reference)
    if where is not None and len(run.spec.shape) > 2:
        suffix = ".nii.gz" if where.name.lower().endswith(".gz") else ".nii"
        return Kind(suffix, True, lambda sample: _nifti(run, sample, where))
    suffix = "" if file is None else file.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return kind_of_set(run, file)
    if fit_png(run.spec.shape, run.spec.codec) and suffix not in ARRAY_SUFFIXES:
        return Kind(".png", True, lambda sample: _picture(run, sample))
    return Kind(".npz", False, _npz) if suffix == ".npz" else Kind(".npy", False, _npy)


def nifti_among(*paths: Path | None) -> Path | None:
    """Return the first NIfTI file; None where there is none."""
    return next((path for path in paths if path and path.name.lower().endswith(NIFTI_SUFFIXES)), None)


def shade(run: Opened, share: NDArray[np.float64]) -> bytes:
    """Draw numbers from 0 to 1 as black to white."""
    return png_bytes(np.rint(255 * LAYOUTS[run.spec.layout].arrange(share[None])[0]).astype(np.uint8))


def _picture(run: Opened, sample: NDArray[Any]) -> bytes:
    """Write a sample as ``save_singles`` does, a mean of samples to the nearest value of the file."""
    codec = run.spec.codec
    kind, white = (np.uint8, 255) if (codec.levels or 0) <= 256 else (np.uint16, 65535)
    values = LAYOUTS[run.spec.layout].arrange(sample[None])[0].astype(np.float64)
    if not run.from_image_files:
        offset, scale = (np.reshape(part, (-1, 1, 1)) for part in (codec.offset, codec.scale))
        values = white * (0.5 * (values - offset) / scale + 0.5)
    return png_bytes(np.rint(values).clip(0, white).astype(kind))


def _npy(values: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _npz(values: NDArray[Any]) -> bytes:
    return npz_bytes(data=values)


def _nifti(run: Opened, sample: NDArray[Any], where: Path) -> bytes:
    """Write a volume with the place in the world that another file has."""
    like = import_extra("nibabel", "nifti").load(where)
    place = place_of(like, packed=where.name.lower().endswith(".gz")) or UNKNOWN
    affine = _finer(place.matrix, like.shape, run.spec.shape[1:])
    return nifti_bytes(
        LAYOUTS[run.spec.layout].arrange(sample[None])[0],
        replace(place, affine=tuple(affine.reshape(-1).tolist())),
    )


def _finer(affine: NDArray[Any], coarse: tuple[int, ...], fine: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the place of a volume of which another holds means of blocks: its voxels are parts of the other's.

    Voxel i of it lies at (i + 1/2) / f - 1/2 of the other, f being how many of them a block has along the axis.
    """
    share = np.eye(4)
    for axis, (few, many) in enumerate(zip(coarse, fine, strict=False)):
        share[axis, axis] = few / many
        share[axis, 3] = 0.5 * few / many - 0.5
    return np.asarray(affine, dtype=np.float64) @ share
