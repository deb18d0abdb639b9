"""Images, cubes and tables of stamps in FITS files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.fits_array import FitsArray
from idm.data.arrays.fits_files import FITS_SUFFIXES, open_fits
from idm.data.arrays.listing import Listed, list_files
from idm.data.arrays.measured import MeasuredSource, Missing, MissingRule
from idm.data.arrays.pieces import Pieces
from idm.data.base import Indices
from idm.data.beside import NOTHING_BESIDE, Beside
from idm.data.cutting import Window
from idm.data.images.check import gather
from idm.data.images.files import LabelRule
from idm.data.metadata import FitsMetadata
from idm.data.metadata.fits import agreed
from idm.data.names import chosen_names

SampleAxis = Literal["auto", "files", "planes"]
IMAGE_AXES = 2


class Fits(MeasuredSource):
    """Images or cubes, one in each FITS file, planes of cubes, or stamps in a column of a table (needs astropy).

    BSCALE and BZERO (TSCAL and TZERO in tables, those of labels, too) are applied: whole ones give whole numbers,
    exactly, others 64-bit floats; BLANK, TNULL and NaN are missing values. Logical values are 0 and 1. Plain files are
    mapped into memory, packed ones unpacked as needed.

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
        apart: columns that are no labels unless they are named so, such as those that name groups.
        in_patches: samples are cut into patches, of which those that miss values are skipped with missing=skip.
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
        apart: tuple[str, ...] = (),
        in_patches: bool = False,
    ) -> None:
        """Judge the headers of all files and look at the values that may be missing.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: astropy is missing; no files; no such unit or column; files that are not of one shape; missing
                values; axes that are unclear.
        """
        where = Path(path).absolute()
        found = list_files(where, "FITS files", is_fits, split, every=False)
        self._open(gather(lambda file: open_fits(file, hdu, column, label_column, apart), found.files), samples)
        known, note = self._labels(found, labels)
        may_miss = any(array.packing.may_miss for array in self._arrays)
        rule = Missing(missing, fill, may_miss, in_patches)
        shape, is_told = (self._pieces.total, *self._inner(self._arrays[0])), (channels, spatial_dims) != ("auto", None)
        axes: ChannelRule = channels if is_told or len(shape) != 1 + IMAGE_AXES else "none"
        self._adopt_measured(where, shape, self._dtype, known, rule, channels=axes, spatial_dims=spatial_dims)
        self.names = chosen_names(self._pieces.names(found.names) if self._by_row else found.names, self._kept)
        remarks, beside = self._arrays[0].remarks, tuple(self._arrays[0].beside)
        self.beside = Beside(beside, self._read_beside) if beside else NOTHING_BESIDE
        self.metadata = self._metadata()
        self.note, self.remarks = f"FITS, {self.note}, {note}", (*found.remarks, *remarks, *self._about_missing)

    def _open(self, arrays: list[FitsArray], samples: SampleAxis) -> None:
        """Compare the arrays of all files, and decide what samples are."""
        self._arrays, first = arrays, arrays[0]
        is_cube = len(arrays) == 1 and len(first.shape) > IMAGE_AXES
        self._by_row = first.record is not None or samples == "planes" or (samples == "auto" and is_cube)
        gather(self._compare, arrays)
        self._pieces = Pieces.of([array.shape[0] if self._by_row else 1 for array in arrays])
        self._dtype = np.dtype(np.result_type(*(array.packing.dtype for array in arrays)))

    def _labels(self, found: Listed, rule: LabelRule) -> tuple[NDArray[Any] | None, str]:
        """Return the label of each sample, told by its file or by a column, and where labels come from.

        Raises:
            DataError: rows without a label.
        """
        of_files, names, note = found.labels(rule)
        if of_files is not None and names is not None:
            return np.array(names)[of_files[self._pieces.owners]], note
        if (label := self._arrays[0].label) is None:
            return None, note
        labels = self._entries(label.name)
        if labels.dtype.kind == "f":
            raise DataError(
                f"{self._arrays[0].where}: a label in every row of '{label.name}' wanted, got none in "
                f"{np.isnan(labels).sum():,} of {len(labels):,}; fill them in, or set data.source.label_column to "
                "another, or to none"
            )
        return labels, f"labels from {label.name}"

    def _metadata(self) -> FitsMetadata | None:
        """Return the coordinates and the unit on which all files agree; of channels that come last the unit alone."""
        found = FitsMetadata(agreed([array.cards for array in self._arrays]), self.shape[0])
        of_axes = (
            found.of_axes(len(self._inner(self._arrays[0]))) if self.layout != "last" else found.of_pieces(self.shape)
        )
        return of_axes if of_axes is not None and of_axes.cards else None

    def _entries(self, name: str) -> NDArray[Any]:
        """Read a column of all tables."""
        return np.concatenate(gather(lambda array: array.entries(name), self._arrays))

    def _read_beside(self, name: str) -> NDArray[Any]:
        """Read a column of the samples that are read."""
        return self._of_kept(self._entries(name))

    def _inner(self, array: FitsArray) -> tuple[int, ...]:
        return array.shape[1:] if self._by_row else array.shape

    def _compare(self, array: FitsArray) -> None:
        first = self._arrays[0]
        if self._inner(array) != self._inner(first) or (array.label is None) != (first.label is None):
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

    def _measured_windows(self, index: int, keys: Sequence[Window]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        owner, row = self._pieces.place_of(index)
        array = self._arrays[owner]
        if array.record is not None:
            yield from super()._measured_windows(index, keys)
            return
        for key in keys:
            stored = array.read_part((row, *key) if self._by_row else key)
            yield array.packing.values(stored).astype(self._dtype), array.packing.missing(stored)


def is_fits(name: str) -> bool:
    """Whether a file is called as FITS files are."""
    return name.lower().endswith(FITS_SUFFIXES)
