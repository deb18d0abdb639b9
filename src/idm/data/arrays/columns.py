"""Columns of numbers in a CSV file: what they are called, which are values and which are labels."""

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import shown
from idm.data.arrays.cells import (
    GROUPED,
    MISSING,
    READERS,
    WITH_COMMA,
    WRITTEN,
    Decimal,
    have_decimal_commas,
    may_be_number,
    reads,
)
from idm.data.csv_rows import guess_delimiter, read_rows, refuse_more_cells
from idm.data.label_names import find_labels, words

ROWS_TO_TELL = 200
"""Rows that tell whether numbers have decimal commas."""


@dataclass(frozen=True)
class NumberTable:
    """A CSV file of numbers, whose columns are known.

    Attributes:
        where: the file.
        delimiter: what is between columns.
        names: name of each column; column1, column2 and so on where the file names none.
        is_named: whether its first row names them.
        told: what numbers have before their fraction; None: told by the first rows of the columns that are read.
    """

    where: Path
    delimiter: str
    names: tuple[str, ...]
    is_named: bool
    told: Decimal | None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Go through the rows below the names, as (number of the row in the file, cells); missing cells are empty.

        Raises:
            UnreadableFileError: the file cannot be read.
            DataError: more cells than columns.
        """
        for number, cells in enumerate(read_rows(self.where, self.delimiter), 1):
            if number == 1 and self.is_named:
                continue
            refuse_more_cells(self.where, number, cells, self.names)
            yield number, cells + [""] * (len(self.names) - len(cells))

    def texts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Read some columns as text, without blanks around it."""
        places, found = [self.names.index(name) for name in names], {name: list[str]() for name in names}
        if names:
            for _, cells in self.rows():
                for name, place in zip(names, places, strict=True):
                    found[name].append(cells[place].strip())
        return found

    @property
    def num_rows(self) -> int:
        """How many rows there are below the names."""
        return sum(1 for _ in self.rows())

    def complete(self, names: Sequence[str]) -> list[int]:
        """Return the numbers of the rows, from 0, that miss no value in some columns."""
        places = [self.names.index(name) for name in names]
        cells_of = enumerate(cells for _, cells in self.rows())
        return [
            row for row, cells in cells_of if all(cells[place].strip().casefold() not in MISSING for place in places)
        ]

    def decimal_of(self, names: Sequence[str]) -> Decimal:
        """Tell what numbers of some columns have before their fraction; a point where commas are between columns."""
        if self.told is not None or self.delimiter == ",":
            return self.told or "point"
        places = [self.names.index(name) for name in names]
        first = (cells for _, cells in islice(self.rows(), ROWS_TO_TELL))
        return "comma" if have_decimal_commas(cells[place] for cells in first for place in places) else "point"

    def numbers(self, names: Sequence[str], kept: Sequence[int] | None, code: str) -> NDArray[Any]:
        """Read some columns of some rows as numbers, [rows, columns].

        Args:
            names: the columns.
            kept: numbers of the rows, from 0, increasing; None: all.
            code: what numbers become: "d" (64-bit floats) or "q" (64-bit integers).

        Raises:
            DataError: a cell that is no finite number, or none of that kind; nothing to read.
        """
        places = [self.names.index(name) for name in names]
        written, of_kind = WRITTEN[self.decimal_of(names)], READERS[code]
        found, chosen = array(code), None if kept is None else frozenset(kept)

        def read(cell: str) -> float:
            return of_kind(written(cell))

        for count, (number, cells) in enumerate(self.rows()):
            if chosen is None or count in chosen:
                try:
                    found.extend([read(cells[place]) for place in places])
                except (ValueError, OverflowError):
                    self._refuse(number, cells, names, read, chosen)
        if not found:
            raise DataError(
                f"{self.where}: at least one row, and one column in data.source.columns, of numbers wanted, got none; "
                "add them"
            )
        return np.frombuffer(found, dtype=code).reshape(-1, len(names))

    def _refuse(
        self,
        number: int,
        cells: Sequence[str],
        names: Sequence[str],
        read: Callable[[str], object],
        kept: Collection[int] | None,
    ) -> NoReturn:
        """Say which cell of a row is no number, and what to do about it."""
        name, cell = next(
            (name, cell) for name in names if not reads(read, cell := cells[self.names.index(name)].strip())
        )
        place, others = f"in row {number} of column '{name}'", "choose other columns with data.source.columns"
        if cell.casefold() in MISSING:
            complete = self.complete(names)
            total = self.num_rows if kept is None else len(kept)
            missing = total - (len(complete) if kept is None else sum(row in kept for row in complete))
            raise DataError(
                f"{self.where}: a number in every row wanted, got none ({shown(cell)}) {place}, one of {missing:,} in "
                f"{total:,} rows with missing values; fill them in, set data.source.missing=skip to leave such rows "
                f"out, or {others}"
            )
        decimal, finite = self.decimal_of(names), READERS["d"]
        if reads(lambda text: finite(WRITTEN[decimal](text)), cell):
            raise DataError(
                f"{self.where}: whole numbers of 64 bits wanted, got {shown(cell)} {place}; set "
                "data.source.values=floats"
            )
        if WITH_COMMA.fullmatch(cell):
            raise DataError(
                f"{self.where}: finite numbers, with a decimal point, wanted, got {shown(cell)} {place}; set "
                "data.source.decimal=comma if it stands for the point, or remove commas between thousands"
            )
        if GROUPED.fullmatch(cell) or reads(finite, cell):
            raise DataError(
                f"{self.where}: numbers with a decimal {decimal}, as others have, and without marks between thousands "
                f"wanted, got {shown(cell)} {place}; write all in one way"
            )
        numbers = [name for name in names if reads(read, cells[self.names.index(name)].strip())]
        raise DataError(
            f"{self.where}: finite numbers wanted, got {shown(cell)} {place}; {_instead(numbers) or others}, or set "
            "data.source.label_column to it if it names classes"
        )


def _instead(numbers: Sequence[str]) -> str:
    """Say how to read some columns alone; nothing where there are none, or names that a shell would take apart."""
    if not numbers or not all(name.isidentifier() for name in numbers):
        return ""
    return f"set data.source.columns='[{','.join(numbers)}]' to read those of numbers alone"


def open_numbers(
    where: Path, delimiter: str | None, header: bool | None, decimal: Decimal | None = None
) -> NumberTable:
    """Read what the columns of a CSV file are called.

    Args:
        where: the file.
        delimiter: what is between columns; None: told by the first line.
        header: whether the first row names them; None: if a cell of it is neither a number nor missing.
        decimal: what numbers have before their fraction; None: told by the first rows, a point where columns are
            parted by commas.

    Raises:
        UnreadableFileError: the file cannot be read.
        DataError: no file, or an empty one; names that come twice or do not fit into a line.
    """
    mark = guess_delimiter(where) if delimiter is None else delimiter
    first = [cell.strip() for cell in next(read_rows(where, mark), [])]
    if not first:
        raise DataError(f"{where}: rows of numbers wanted, got an empty file; check the path")
    commas = mark != "," or decimal is not None
    values = all(may_be_number(cell, commas=commas) or cell.casefold() in MISSING for cell in first)
    named = not values if header is None else header
    names = [first[0].lstrip("# "), *first[1:]] if named else [f"column{place}" for place in range(1, len(first) + 1)]
    for place, name in enumerate(names):
        if not name.isprintable() or name in names[:place]:
            wrong = "in one line" if not name.isprintable() else "once"
            raise DataError(
                f"{where}: each name of a column {wrong} wanted, got {shown(name)} in column {place + 1}; rename it, "
                "or set data.source.header=false if the first row holds numbers"
            )
    return NumberTable(where, mark, tuple(names), named, decimal)


def guess_label_column(table: NumberTable, chosen: Sequence[str] | None) -> str | None:
    """Return the column whose name plainly stands for labels; y alone does not, which may be a coordinate."""
    names = [name for name in table.names if words(name) != ("y",) and name not in (chosen or ())]
    return find_labels(names) if table.is_named else None
