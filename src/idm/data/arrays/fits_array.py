"""The array of one FITS file: an image or cube, or the images in a column of a table, left where they lie."""

import gzip
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.packing import Packing
from idm.data.base import Indices
from idm.data.extras import import_extra, quiet
from idm.data.label_names import as_text
from idm.data.reading.damage import reading

RESTORE = "restore it"
MOST_AXES, BLOCK_BYTES = 999, 2_880
"""What the format allows, and the bytes that all its parts are filled up to."""


@dataclass(frozen=True)
class FitsArray:
    """What is read of one file.

    Attributes:
        where: the file.
        number: number of the header and data unit (HDU), from 0.
        shape: shape of the array; the rows of a table come first.
        packing: what its stored numbers stand for.
        offset: bytes before a plain array, which is mapped into memory; None: it is packed, and unpacked by astropy.
        record: dtype of the rows of a table; None for images.
        column: name of the column that is read.
        label_column: name of the column of labels; None without one.
        remarks: what is worth knowing of the rest of the file, a line each.
    """

    where: Path
    number: int
    shape: tuple[int, ...]
    packing: Packing
    offset: int | None
    record: np.dtype[Any] | None = None
    column: str = ""
    label_column: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the stored numbers, and of their number where they make up the array."""
        return self.packing.stored

    def read(self, rows: Indices | slice) -> NDArray[Any]:
        """Return entries of the first axis as they are stored, in either byte order.

        Raises:
            UnreadableFileError: they are not there any more.
        """
        with reading(self.where, "a FITS file", RESTORE):
            if self.offset is None:
                with opened(self.where) as units:
                    return np.asarray(units[self.number].section[...])[rows]
            return self._mapped(self.column)[rows].reshape(-1, *self.shape[1:])

    def labels(self) -> NDArray[Any]:
        """Read the label of each row of a table with a column of labels."""
        assert self.label_column is not None
        with reading(self.where, "a FITS file", RESTORE):
            labels = as_text(self.where, np.array(self._mapped(self.label_column)))
            return np.char.rstrip(labels) if labels.dtype.kind == "U" else labels

    def _mapped(self, column: str) -> NDArray[Any]:
        dtype = self.packing.stored.newbyteorder(">") if self.record is None else self.record
        shape = self.shape if self.record is None else self.shape[:1]
        mapped = np.memmap(self.where, dtype, "r", self.offset or 0, shape)
        return mapped[column] if column else mapped


@contextmanager
def opened(where: Path) -> Generator[Any]:
    """Open a file with astropy, without its warnings; nothing is scaled."""
    fits = import_extra("astropy.io.fits", "fits")
    with quiet("astropy"):
        _refuse_sizes(fits, where)
        with fits.open(where, memmap=True, do_not_scale_image_data=True, lazy_load_hdus=False) as units:
            yield units


def _refuse_sizes(fits: Any, where: Path) -> None:
    """Refuse headers of more axes than the format has, or of sizes below zero, for which the library counts for long.

    Raises:
        ValueError: there are.
    """
    opener = gzip.open if where.name.lower().endswith(".gz") else open
    with opener(where, "rb") as file:
        while file.peek(1):
            header = fits.Header.fromfile(file)
            axes = int(header["NAXIS"])
            if not 0 <= axes <= MOST_AXES:
                raise ValueError(f"{axes:,} axes declared")
            sizes = [int(header[f"NAXIS{number}"]) for number in range(1, axes + 1)]
            counts = [int(header.get(name, usual)) for name, usual in (("PCOUNT", 0), ("GCOUNT", 1))]
            if min([*sizes, *counts]) < 0:
                raise ValueError("sizes below zero declared")
            num_bytes = abs(int(header["BITPIX"])) // 8 * counts[1] * (counts[0] + (math.prod(sizes) if axes else 0))
            file.seek(file.tell() + -(-num_bytes // BLOCK_BYTES) * BLOCK_BYTES)
