"""Rows of CSV files: what sources that read such files share."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.parts import names_parts, parts_of_rows
from idm.data.remarks import listed

DELIMITERS = "\t;,"
"""What may be between columns where nothing is said of it; what the first line has of these counts, in this order."""

LINE_BYTES = 1 << 20
"""How much of the first line is looked at to tell what is between columns."""

QUOTED = re.compile(r'"[^"]*"')


def read_rows(where: Path, delimiter: str) -> Iterator[list[str]]:
    """Read the cells of each line that is not empty.

    Args:
        where: the file, in UTF-8.
        delimiter: what is between columns.

    Raises:
        UnreadableFileError: the file cannot be read.
        DataError: no file, or no delimiter.
    """
    if not where.is_file():
        raise DataError(f"{where}: a CSV file wanted, got {kind_at(where)}")
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise DataError(f"delimiter: one character wanted, got {delimiter!r}")
    try:
        with where.open(encoding="utf-8-sig", newline="") as file:
            yield from filter(None, csv.reader(file, delimiter=delimiter, skipinitialspace=delimiter != " "))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(f"{where}: cannot be read as CSV ({one_line(error)}); save it as UTF-8") from error


def refuse_more_cells(where: Path, number: int, cells: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse a row of more cells than there are columns.

    Raises:
        DataError: it has.
    """
    if len(cells) > len(columns):
        raise DataError(
            f"{where}: as many cells as columns wanted, got more in row {number}; quote the commas, or set "
            "data.source.delimiter"
        )


def refuse_unknown(where: Path, columns: Sequence[str], told: Mapping[str, Sequence[str]]) -> None:
    """Refuse columns that there are not.

    Args:
        where: the file, for messages.
        columns: names of all columns.
        told: names that were given, by the option that gave them.

    Raises:
        DataError: there are.
    """
    for option, names in told.items():
        if unknown := [name for name in names if name not in columns]:
            raise DataError(
                f"{where}: a column '{unknown[0]}' wanted, got {listed(columns)}; set data.source.{option} to one of "
                "these, or data.source.delimiter"
            )


def guess_delimiter(where: Path) -> str:
    """Tell what is between columns by the first line; a comma where it has but one column, or there is no file."""
    if not where.is_file():
        return ","
    with where.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = QUOTED.sub("", file.readline(LINE_BYTES))
    return next((mark for mark in DELIMITERS if mark in line), ",")


def find_parts(
    columns: Iterable[str], cells_of: Callable[[str], Sequence[str]]
) -> tuple[str | None, list[str | None] | None]:
    """Return the column that names the part of each row, and the parts; None both where none does.

    Args:
        columns: names of the columns.
        cells_of: returns the cells of a column, one for each row.
    """
    for column in filter(names_parts, columns):
        if (parts := parts_of_rows(column, cells_of(column))) is not None:
            return column, parts
    return None, None
