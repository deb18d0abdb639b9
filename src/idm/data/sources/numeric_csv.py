"""Numbers in a CSV file: a row is a point, a column is one of its coordinates, or their classes."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import shown
from idm.data.arrays.arrow import row_name
from idm.data.arrays.cells import Decimal, are_labels, count_rows, may_be_number
from idm.data.arrays.columns import NumberTable, guess_label_column, open_numbers
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices
from idm.data.beside import Beside
from idm.data.csv_rows import find_parts, refuse_unknown
from idm.data.images.files import SUFFIXES
from idm.data.label_names import NO_LABELS
from idm.data.parts import choose_rows, names_parts
from idm.data.remarks import CHOOSES_LABELS, listed, unread_columns

CODES = {"floats": "d", "integers": "q"}
ValueKind = Literal["floats", "integers"]
MissingRule = Literal["refuse", "skip"]


class NumericCsv(ArraySource):
    """Rows of numbers in a CSV or TSV file, as points; the names of the columns stay with a run.

    Args:
        path: the file, in UTF-8.
        columns: names of the columns that are read, in this order; by default all but that of the labels, that of the
            parts, and a first one without a name that counts the rows. Columns of files without names are called
            column1, column2 and so on.
        label_column: name of the column of labels, or "none"; by default "label", "class name" or the like, if there is
            one with a word or a whole number in every row.
        delimiter: what is between columns; by default a tab, a semicolon or a comma, the first of these that the first
            line has.
        header: whether the first row names the columns; by default, if not all of it are numbers.
        decimal: what numbers have before their fraction, point or comma; by default told by the first rows of the
            columns that are read, and a point where commas are between columns.
        values: what numbers become: floats of 64 bits, or integers of 64 bits, whose levels are kept.
        missing: what becomes of rows that miss values in columns that are read: "refuse" them, or "skip" them.
        split: which part is read, train, val or test, where a column called split names them; by default all together.
        apart: columns that are no values unless ``columns`` names them, such as those that name groups.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        columns: tuple[str, ...] | None = None,
        label_column: str | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        decimal: Decimal | None = None,
        values: ValueKind = "floats",
        missing: MissingRule = "refuse",
        split: str | None = None,
        apart: tuple[str, ...] = (),
    ) -> None:
        """Read all numbers.

        Raises:
            UnreadableFileError: the file cannot be read.
            DataError: no such column; missing values, or text, in one that is read, by row and column.
        """
        where = Path(path).absolute()
        table = open_numbers(where, delimiter, header, decimal)
        found = _choose(table, columns, label_column, apart)
        rows = None
        if found.parts is not None or split is not None:
            rows, self.remarks = choose_rows(where, found.parts, split, len(found.parts or ()))
        if missing == "skip":
            rows, about_missing = _complete(table, found.columns, rows)
            self.remarks += about_missing
        self._values = table.numbers(found.columns, rows, CODES[values])
        labels = None if found.labels is None else _some(found.labels, rows)
        self._adopt(where, self._values.shape, self._values.dtype, labels, channels="first")
        self.channel_names = found.columns if table.is_named else None
        of_labels = "no labels" if labels is None else f"labels from {found.of_labels}"
        self.note = f"{listed(found.columns)} in columns, decimal {table.decimal_of(found.columns)}, {of_labels}"
        advice = CHOOSES_LABELS if label_column is None else "data.source.columns chooses values"
        self.remarks += unread_columns(found.others, advice)
        self.beside = Beside(table.names, partial(_cells, table, rows))
        self._carried = [name for name in table.names if name and name not in found.columns]

    def columns_of(self, indices: Indices) -> dict[str, list[Any]]:
        """Return the columns that hold no values as text, such as those of identifiers and classes."""
        return {name: self.beside.load(name)[indices].tolist() for name in self._carried}

    def _rows(self, indices: Indices) -> NDArray[Any]:
        return self._values[indices]


@dataclass(frozen=True)
class Chosen:
    """The columns of a file, by what they hold.

    Attributes:
        columns: names of those that are read.
        of_labels: name of that of the labels; None without one.
        labels: its cells; None without one.
        parts: the part of each row; None where no column names parts.
        others: what those are called that are not read.
    """

    columns: tuple[str, ...]
    of_labels: str | None
    labels: list[str] | None
    parts: list[str | None] | None
    others: list[str]


def _complete(
    table: NumberTable, columns: Sequence[str], rows: Sequence[int] | None
) -> tuple[list[int], tuple[str, ...]]:
    """Return those of some rows, or of all, that miss no value, and say how many do.

    Raises:
        DataError: all do.
    """
    complete = table.complete(columns)
    chosen = None if rows is None else frozenset(rows)
    kept = complete if chosen is None else [row for row in complete if row in chosen]
    total = table.num_rows if rows is None else len(rows)
    if not kept:
        raise DataError(
            f"{table.where}: a row of which no value is missing wanted, got none among {total:,}; choose other columns "
            "with data.source.columns"
        )
    number = total - len(kept)
    return kept, (f"{number:,} of {total:,} rows are not read, since values are missing",) if number else ()


def _choose(
    table: NumberTable, columns: tuple[str, ...] | None, label_column: str | None, apart: tuple[str, ...]
) -> Chosen:
    """Tell columns of values, of labels and of parts.

    Raises:
        DataError: no such column; labels that are none.
    """
    told = None if label_column in (None, NO_LABELS) else label_column.strip()
    refuse_unknown(
        table.where, table.names, {"columns": columns or (), "label_column": () if told is None else (told,)}
    )
    guessed = guess_label_column(table, (*(columns or ()), *apart)) if label_column is None else None
    texts = _texts(table, told or guessed, columns)
    if told is not None:
        _refuse_no_labels(table, told, texts[told])
    of_labels = told or (guessed if guessed is not None and are_labels(texts[guessed]) else None)
    of_parts, parts = find_parts([name for name in texts if name != of_labels], texts.__getitem__)
    left_out = {of_labels, of_parts, *apart, "" if "" in texts and count_rows(texts[""]) else None}
    chosen = tuple(name for name in table.names if name not in left_out) if columns is None else columns
    others = [name for name in table.names if name not in (*chosen, of_labels, of_parts, *apart)]
    labels = None if of_labels is None else texts[of_labels]
    return Chosen(chosen, of_labels, labels, parts, [name or "one without a name" for name in others])


def _refuse_no_labels(table: NumberTable, name: str, cells: Sequence[str]) -> None:
    if not are_labels(cells):
        found = next((cell for cell in cells if not are_labels([cell])), "")
        raise DataError(
            f"{table.where}: a whole number or text in every row of '{name}' wanted, got {shown(found)}; "
            "set data.source.label_column to another, or to none"
        )


def parts_in_numbers(
    where: Path, *, delimiter: str | None = None, header: bool | None = None, decimal: Decimal | None = None
) -> dict[str, str | None]:
    """Return the part of each row; nothing where they are of no parts.

    Raises:
        UnreadableFileError, DataError: as ``NumericCsv``.
    """
    table = open_numbers(where, delimiter, header, decimal)
    texts = _texts(table, None, None)
    parts = find_parts(texts, texts.__getitem__)[1] or ()
    return {row_name(row): part for row, part in enumerate(parts)}


def holds_numbers(where: Path) -> bool:
    """Whether a CSV file holds numbers, and does not list images: by its names of columns and its first row."""
    with suppress(DataError):
        table = open_numbers(where, None, None)
        _, cells = next(table.rows(), (0, list[str]()))
        names_files = any(Path(cell.strip()).suffix.lower() in SUFFIXES for cell in cells)
        numbers = [may_be_number(cell.strip(), commas=table.delimiter != ",") for cell in cells]
        return "path" not in table.names and not names_files and any(numbers)
    return False


def _texts(table: NumberTable, labels: str | None, columns: Sequence[str] | None) -> dict[str, list[str]]:
    """Read the columns that may say something else than values: labels, parts, and a first one without a name."""
    first = table.names[:1] if table.names[0] == "" and columns is None else ()
    of_parts = (name for name in table.names if table.is_named and names_parts(name) and name not in (columns or ()))
    return table.texts(list(dict.fromkeys([*first, *of_parts, *(() if labels is None else (labels,))])))


def _cells(table: NumberTable, rows: Sequence[int] | None, name: str) -> NDArray[Any]:
    """Read a column as text."""
    return _some(table.texts([name])[name], rows)


def _some(texts: Sequence[str], rows: Sequence[int] | None) -> NDArray[Any]:
    return np.array(texts if rows is None else [texts[row] for row in rows])
