"""Finding the array that is read in a FITS file, from its headers alone."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.fits_array import Column, FitsArray, opened
from idm.data.arrays.named import refuse_unstored
from idm.data.arrays.packing import Packing
from idm.data.extras import import_extra
from idm.data.label_names import NO_LABELS, find_labels
from idm.data.metadata.fits import kept_cards
from idm.data.reading.damage import reading
from idm.data.remarks import listed

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz")
DTYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
"""dtype of the pixels of each BITPIX."""


def open_fits(
    where: Path, hdu: str | int | None, column: str | None, label_column: str | None, apart: tuple[str, ...] = ()
) -> FitsArray:
    """Read the headers of a file, find the array that is read, and compare its size with what is stored.

    Args:
        where: the file.
        hdu: name or number of the unit; by default the first with an image, or else with a table that has images.
        column: name of the column of images of a table; by default the only one.
        label_column: name of the column of labels, or "none"; by default one whose name tells it.
        apart: names of columns that are no labels unless they are named so.

    Raises:
        UnreadableFileError: no FITS file, or a damaged one.
        DataError: astropy is missing; no such unit or column, or several columns.
    """
    if not where.is_file():
        raise DataError(f"{where}: a FITS file wanted, got {kind_at(where)}; check the path")
    import_extra("astropy.io.fits", "fits")
    with reading(where, "a FITS file", "replace it"), opened(where) as units:
        number = _choose(where, units, hdu)
        unit, others = units[number], [_title(units, row) for row in range(len(units)) if _holds(units[row])]
        others.remove(_title(units, number))
        remarks = (f"not read: {listed(others)}; data.source.hdu chooses another",) if others else ()
        if unit.is_image:
            found = _image(where, number, unit)
        else:
            found = _table(where, number, unit, column)
            found = replace(found, label=_label(where, unit.columns.dtype, found, label_column, apart))
        refuse_unstored(where, found)
        _compare(found)
        return replace(found, remarks=remarks)


def _holds(unit: Any) -> bool:
    """Whether a unit holds an image, or a table with images in a column."""
    if unit.is_image:
        return bool(unit.shape) and 0 not in unit.shape
    return hasattr(unit, "columns") and bool(_columns(unit))


def _columns(unit: Any) -> list[str]:
    """Names of the columns of a binary table that hold more than one number in a row, and always as many."""
    record, formats = unit.columns.dtype, {column.name: str(column.format) for column in unit.columns}
    return [
        name
        for name in record.names
        if record[name].base.kind in "uifc" and record[name].shape and not set("PQX") & set(formats[name])
    ]


def _title(units: Any, number: int) -> str:
    name = str(units[number].name)
    return f"HDU {number} ({name})" if name else f"HDU {number}"


def _choose(where: Path, units: Any, hdu: str | int | None) -> int:
    found = [row for row in range(len(units)) if _holds(units[row])]
    images = [row for row in found if units[row].is_image]
    if hdu is not None:
        found = [row for row in range(len(units)) if str(hdu).upper() in (str(row), str(units[row].name).upper())]
        if not found:
            titles = listed([_title(units, row) for row in range(len(units))])
            raise DataError(f"{where}: an HDU '{hdu}' wanted, got {titles}; set data.source.hdu to one of these")
    elif not found:
        raise DataError(f"{where}: an image, or a table with a column of images, wanted, got none; give another file")
    chosen = (images or found)[0] if hdu is None else found[0]
    if not _holds(units[chosen]):
        others = [str(row) for row in range(len(units)) if _holds(units[row])]
        raise DataError(
            f"{where}: an image, or a table with a column of images, wanted in {_title(units, chosen)}, got none; "
            f"set data.source.hdu to {' or '.join(others) or 'that of another file'}"
        )
    return chosen


def _image(where: Path, number: int, unit: Any) -> FitsArray:
    header, stored = unit.header, np.dtype(DTYPES[unit.header["BITPIX"]])
    blank = header.get("BLANK") if stored.kind in "iu" else None
    packing = _packing(stored, header.get("BSCALE"), header.get("BZERO"), blank)
    is_plain = (
        not where.name.lower().endswith(".gz") and "ZIMAGE" not in header and not hasattr(unit, "compression_type")
    )
    begin = unit.fileinfo()["datLoc"] if is_plain else None
    return FitsArray(where, number, tuple(unit.shape), packing, begin, cards=kept_cards(_values(header)))


def _values(header: Any) -> dict[str, Any]:
    """Return what the cards of a header say, without those that are damaged."""
    found: dict[str, Any] = {}
    for card in header.cards:
        with suppress(Exception):  # whatever the library stumbles over in one
            found[str(card.keyword)] = card.value
    return found


def _table(where: Path, number: int, unit: Any, column: str | None) -> FitsArray:
    if where.name.lower().endswith(".gz"):
        raise DataError(f"{where}: a table in a plain file wanted, got one packed by gzip; unpack it with gunzip")
    found = _columns(unit)
    if column is None and len(found) > 1:
        raise DataError(f"{where}: one column of images wanted, got {listed(found)}; set data.source.column to one")
    chosen = column or found[0]
    if chosen not in found:
        raise DataError(
            f"{where}: a column of images '{chosen}' wanted, got {listed(found)}; set data.source.column to one"
        )
    record, data = _record(where, unit), _column(unit, chosen)
    shape, begin = (int(unit.header["NAXIS2"]), *record[chosen].shape), unit.fileinfo()["datLoc"]
    plain = [name for name in record.names or () if record[name].base.kind in "iufS" and not record[name].shape]
    beside = {name: _column(unit, name) for name in plain if name != chosen}
    return FitsArray(where, number, shape, data.packing, begin, record, data, beside=beside)


def _record(where: Path, unit: Any) -> np.dtype[Any]:
    """Return the dtype of the rows of a table, which may be longer than their columns.

    Raises:
        DataError: they are shorter.
    """
    record, num_bytes = unit.columns.dtype.newbyteorder(">"), int(unit.header["NAXIS1"])
    if num_bytes < record.itemsize:
        raise DataError(
            f"{where}: rows of {record.itemsize:,} bytes, as their columns take, wanted, got NAXIS1 = {num_bytes:,}; "
            "write the table anew"
        )
    formats, offsets = zip(*(record.fields[name][:2] for name in record.names), strict=True)
    return np.dtype({"names": record.names, "formats": formats, "offsets": offsets, "itemsize": num_bytes})


def _column(unit: Any, name: str) -> Column:
    """Return a column with what its numbers stand for."""
    described, base = unit.columns[name], unit.columns.dtype[name].base.newbyteorder("=")
    if "L" in str(described.format):
        return Column(name, Packing(np.dtype(np.bool_)))
    is_text, blank = base.kind == "S", described.null if base.kind in "iu" else None
    return Column(name, Packing(base) if is_text else _packing(base, described.bscale, described.bzero, blank))


def _label(
    where: Path, record: np.dtype[Any], found: FitsArray, told: str | None, apart: tuple[str, ...]
) -> Column | None:
    """Return the column of labels: the one that was told, or whose name tells it."""
    columns, data = found.beside, found.column.name if found.column else None
    known = {name: column for name, column in columns.items() if column.packing.dtype.kind in "biuS"}
    if told in (None, NO_LABELS):
        name = find_labels(sorted(set(known) - set(apart)), data) if told is None else None
        return None if name is None else known[name]
    names = list(record.names or ())
    if told not in names:
        raise DataError(
            f"{where}: a column '{told}' wanted, got {listed(names)}; set data.source.label_column to one of these"
        )
    if told not in known:
        kind = columns[told].packing.dtype if told in columns else record[told]
        raise DataError(
            f"{where}: a word or whole number in every row of '{told}' wanted, got {kind}; set "
            "data.source.label_column to another, or to none"
        )
    return known[told]


def _packing(stored: np.dtype[Any], scale: Any, offset: Any, blank: Any) -> Packing:
    numbers = [default if given in (None, "") else float(given) for given, default in ((scale, 1.0), (offset, 0.0))]
    return Packing(stored, *numbers, blanks=() if blank is None else (int(blank),))


def _compare(found: FitsArray) -> None:
    """Compare the bytes that a plain array takes with those of its file."""
    if found.offset is None:
        return
    of_row = found.dtype.itemsize * int(np.prod(found.shape[1:], dtype=object))
    num_bytes = found.shape[0] * (of_row if found.record is None else found.record.itemsize)
    stored = found.where.stat().st_size - found.offset
    if num_bytes > stored:
        raise ValueError(f"{num_bytes:,} bytes of values declared, {stored:,} stored")
