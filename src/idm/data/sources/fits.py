"""Images, cubes and tables of stamps in FITS files."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.fits_array import FitsArray
from idm.data.arrays.fits_files import FITS_SUFFIXES, open_fits
from idm.data.arrays.listing import list_files
from idm.data.arrays.measured import MeasuredSource, MissingRule
from idm.data.arrays.pieces import Pieces
from idm.data.base import Indices
from idm.data.images.check import gather
from idm.data.images.files import LabelRule

SampleAxis = Literal["auto", "files", "planes"]
IMAGE_AXES = 2


class Fits(MeasuredSource):
    """Images or cubes, one in each FITS file, planes of cubes, or stamps in a column of a table (needs astropy).

    BSCALE and BZERO (TSCAL and TZERO in tables) are applied: whole ones give whole numbers, exactly, others 64-bit
    floats; BLANK, TNULL and NaN are missing values. Plain files are mapped into memory, packed ones unpacked as needed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        hdu: str | int | None = None,
        samples: SampleAxis = "auto",
        column: str | None = None,
        label_column: str | None = None,
        missing: MissingRule = "refuse",
        fill: float = 0.0,
        channels: ChannelRule = "auto",
        spatial_dims: int | None = None,
        labels: LabelRule = "none",
        split: str | None = None,
    ) -> None:
        """Judge the headers of all files and look at the values that may be missing.

        Args:
            path: a .fits, .fit, .fts, .fits.gz or .fits.fz file, or a folder of them.
            hdu: name (EXTNAME) or number, from 0, of the header and data unit; by default the first with an image, or
                else the first table with images in a column.
            samples: a sample is the image of a file; or one of its planes, the entries of the axis that varies slowest
                (NAXIS3 of a cube); auto: planes of a lone cube, else files. Of tables every row is a sample.
            column: name of the column of images in a table; by default the only one.
            label_column: name of the column of labels in a table, or "none"; by default "label", "class" or the like.
            missing: what becomes of missing values: "refuse" them, "fill" them, or "skip" the samples that miss some.
            fill: what stands for missing values with missing=fill.
            channels: where the channel axis of a sample is; samples of two axes are images of one channel.
            spatial_dims: number of spatial axes; told by the sizes if not given.
            labels: where the classes of files come from, as for folders of images.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: astropy is missing; no files; no such unit or column; files that are not of one shape; missing
                values; axes that are unclear.
        """
        where = Path(path)
        found = list_files(where, "FITS files", is_fits, split, every=False)
        self._arrays = gather(lambda file: open_fits(file, hdu, column, label_column), found.files)
        first = self._arrays[0]
        self._by_row = first.record is not None or (
            samples == "planes" or (samples == "auto" and len(self._arrays) == 1 and len(first.shape) > IMAGE_AXES)
        )
        gather(self._compare, self._arrays)
        self._pieces = Pieces.of([array.shape[0] if self._by_row else 1 for array in self._arrays])
        self._dtype = np.dtype(np.result_type(*(array.packing.dtype for array in self._arrays)))
        of_files, names, note = found.labels(labels)
        known = None if of_files is None or names is None else np.array(names)[of_files[self._pieces.owners]]
        if known is None and first.label_column is not None:
            known, note = np.concatenate(gather(FitsArray.labels, self._arrays)), f"labels from {first.label_column}"
        inner = self._inner(first)
        self._adopt_measured(
            where,
            (self._pieces.total, *inner),
            self._dtype,
            known,
            missing=missing,
            fill=fill,
            may_miss=any(array.packing.may_miss for array in self._arrays),
            channels="none" if len(inner) == IMAGE_AXES and (channels, spatial_dims) == ("auto", None) else channels,
            spatial_dims=spatial_dims,
        )
        self.names = self._of_kept(self._pieces.names(found.names) if self._by_row else found.names)
        self.note, self.remarks = f"FITS, {self.note}, {note}", (*found.remarks, *first.remarks, *self._left_out)

    def _inner(self, array: FitsArray) -> tuple[int, ...]:
        return array.shape[1:] if self._by_row else array.shape

    def _compare(self, array: FitsArray) -> None:
        first = self._arrays[0]
        if self._inner(array) != self._inner(first) or bool(array.label_column) != bool(first.label_column):
            raise DataError(
                f"{array.where}: samples of shape {self._inner(first)} wanted as in {first.where.name}, got "
                f"{self._inner(array)}; bring all files to one shape"
            )

    def _measured(self, indices: Indices) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        shape = (len(indices), *self._inner(self._arrays[0]))
        values, missing = np.empty(shape, self._dtype), np.zeros(shape, np.bool_)
        for owner, places, rows in self._pieces.groups(indices):
            array = self._arrays[owner]
            stored = array.read(rows) if self._by_row else array.read(slice(None))[None]
            values[places], missing[places] = array.packing.values(stored), array.packing.missing(stored)
        return values, missing


def is_fits(name: str) -> bool:
    """Whether a file is called as FITS files are."""
    return name.lower().endswith(FITS_SUFFIXES)
