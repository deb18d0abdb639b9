"""The array of one FITS file: an image or cube, or the images in a column of a table, left where they lie."""

import gzip
import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.on_disk import OnDisk
from idm.data.arrays.packing import Packing
from idm.data.base import Indices
from idm.data.extras import import_extra, quiet
from idm.data.label_names import as_text
from idm.data.metadata.fits import Card
from idm.data.reading.damage import reading
from idm.data.remarks import listed

RESTORE = "restore it"
MOST_AXES, BLOCK_BYTES = 999, 2_880
"""What the format allows, and the bytes that all its parts are filled up to."""

MOST_FILLED = 2**24
"""Zero bytes after the last unit that are passed over, as tapes and transfers leave them."""

TRUE = ord("T")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name.
        packing: what its numbers stand for; that of bools where they are logical.
    """

    name: str
    packing: Packing

    def of(self, table: OnDisk, rows: Indices | slice) -> NDArray[Any]:
        """Return what is stored of it in some rows; logical values are told by their letters."""
        found = table.field(self.name)[rows]
        return found == TRUE if self.packing.stored.kind == "b" else found


@dataclass(frozen=True)
class FitsArray:
    """What is read of one file.

    Attributes:
        where: the file.
        number: number of the header and data unit (HDU), from 0.
        shape: shape of the array; the rows of a table come first.
        packing: what its stored numbers stand for.
        offset: bytes before a plain array, which is read part by part; None: it is packed, and unpacked by astropy.
        record: dtype of the rows of a table; None for images.
        column: the column that is read; None for images.
        label: the column of labels; None without one.
        beside: columns of one entry in each row, by name.
        remarks: what is worth knowing of the rest of the file, a line each.
        cards: what the header says of coordinates and units, see ``FitsMetadata``.
    """

    where: Path
    number: int
    shape: tuple[int, ...]
    packing: Packing
    offset: int | None
    record: np.dtype[Any] | None = None
    column: Column | None = None
    label: Column | None = None
    beside: Mapping[str, Column] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()

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
            array = self._on_disk()
            found = array[rows] if self.column is None else self.column.of(array, rows)
            return found.reshape(-1, *self.shape[1:])

    def read_part(self, key: Any) -> NDArray[Any]:
        """Return a part of an image or cube as it is stored, by numbers and slices.

        Raises:
            UnreadableFileError: it is not there any more.
        """
        with reading(self.where, "a FITS file", RESTORE):
            if self.offset is None:
                with opened(self.where) as units:
                    return np.array(units[self.number].section[key])
            return np.array(self._on_disk()[key])

    def entries(self, name: str) -> NDArray[Any]:
        """Read a column of one entry in each row of a table; numbers that are missing are NaN.

        Raises:
            UnreadableFileError: it cannot be read.
            DataError: there is none of that name.
        """
        if (column := self.beside.get(name)) is None:
            raise DataError(
                f"{self.where}: a column '{name}' wanted as in other files, got {listed(list(self.beside)) or 'none'}; "
                "give files of one kind"
            )
        with reading(self.where, "a FITS file", RESTORE):
            stored = np.array(column.of(self._on_disk(), slice(None)))
            if stored.dtype.kind == "S":
                return np.char.rstrip(as_text(self.where, stored))
            values, missing = column.packing.values(stored), column.packing.missing(stored)
            values = values.astype(np.uint8) if values.dtype.kind == "b" else values
            return np.where(missing, np.nan, values) if missing.any() else values

    def _on_disk(self) -> OnDisk:
        dtype = self.packing.stored.newbyteorder(">") if self.record is None else self.record
        shape = self.shape if self.record is None else self.shape[:1]
        return OnDisk.of(self.where, dtype, self.offset or 0, shape)


@contextmanager
def opened(where: Path) -> Generator[Any]:
    """Open a file with astropy, without its warnings; nothing is scaled."""
    fits = import_extra("astropy.io.fits", "fits")
    with quiet("astropy"):
        _refuse_sizes(fits, where)
        with fits.open(where, memmap=False, do_not_scale_image_data=True, lazy_load_hdus=False) as units:
            yield units


def _refuse_sizes(fits: Any, where: Path) -> None:
    """Refuse headers of more axes than the format has, or of sizes below zero, for which the library counts for long.

    Raises:
        ValueError: there are.
    """
    opener = gzip.open if where.name.lower().endswith(".gz") else open
    with opener(where, "rb") as file:
        while _goes_on(file):
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


def _goes_on(file: Any) -> bool:
    """Whether a unit follows, and not the end, or zero bytes up to it.

    Raises:
        ValueError: too many of these, or something behind them.
    """
    begin, head = file.tell(), file.read(BLOCK_BYTES)
    if head.strip(b"\0"):
        file.seek(begin)
        return True
    rest = file.read(MOST_FILLED)
    if rest.strip(b"\0") or len(rest) == MOST_FILLED:
        raise ValueError("zero bytes after the last unit, and more behind them")
    return False
