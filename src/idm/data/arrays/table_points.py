"""Points in a table: each row is one, each column of single numbers one of its coordinates."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.arrow import OpenedTable
from idm.data.arrays.measured import MeasuredSource, Missing, MissingRule
from idm.data.arrays.table_cells import labels_in, pyarrow_mask
from idm.data.base import Indices
from idm.data.beside import Beside
from idm.data.label_names import NO_LABELS, find_labels, words
from idm.data.remarks import CHOOSES_LABELS, listed, unread_columns


class TablePoints(MeasuredSource):
    """Rows of numbers in the columns of a table; their names stay with a run."""

    def __init__(
        self,
        opened: OpenedTable,
        columns: tuple[str, ...] | None,
        label_column: str | None,
        missing: MissingRule,
        fill: float,
        apart: tuple[str, ...],
    ) -> None:
        """Read the columns.

        Args:
            opened: the table.
            columns: which are coordinates; None: all of single numbers but the labels.
            label_column: that of the labels, or "none"; None: told by its name.
            missing: what becomes of rows that miss values: "refuse" them, "skip" them, or "fill" the values.
            fill: what stands for missing values with missing=fill.
            apart: columns that are neither unless they are named so.

        Raises:
            DataError: no such column, or none of numbers; missing values that are refused.
        """
        numbers = [name for name in opened.names if opened.is_number(name)]
        told = None if label_column == NO_LABELS else label_column
        guessed = _guess_labels(opened, {*(columns or ()), *apart}) if label_column is None else None
        of_labels = told or guessed
        chosen = columns or tuple(name for name in numbers if name not in (of_labels, *apart))
        rows, about_skipped = self._read(opened, chosen, missing)
        labels, class_names = (None, None) if of_labels is None else labels_in(opened, of_labels, rows)
        rule = Missing("refuse" if missing == "skip" else missing, fill, bool(self._gaps.any()))
        where, values = opened.where, self._values
        self._adopt_measured(where, values.shape, values.dtype, labels, rule, channels="first")
        if class_names is not None:
            self.labels, self.class_names = labels, class_names
        self.channel_names = chosen
        of = "no labels" if of_labels is None else f"labels from {of_labels}"
        self.note = f"{listed(chosen)} in columns, {of}"
        others = [name for name in opened.names if name not in (*chosen, of_labels, *apart)]
        advice = CHOOSES_LABELS if label_column is None else "data.source.columns chooses values"
        self.remarks = (*opened.remarks, *about_skipped, *self._about_missing, *unread_columns(others, advice))
        self.beside = Beside(tuple(opened.names), partial(_cells, opened, rows))
        self._carried = [name for name in opened.names if name not in chosen]

    def columns_of(self, indices: Indices) -> dict[str, list[Any]]:
        """Return the columns that hold no values as text, such as those of identifiers and classes."""
        return {name: [_text(cell) for cell in self.beside.load(name)[indices]] for name in self._carried}

    def _measured(self, indices: Indices) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        return self._values[indices], self._gaps[indices]

    def _read(
        self, opened: OpenedTable, columns: tuple[str, ...], missing: MissingRule
    ) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
        """Read all rows, and return which are kept, and what to say of the others."""
        if bad := [name for name in columns if name in opened.names and not opened.is_number(name)]:
            raise DataError(
                f"{opened.where}: columns of single numbers wanted in data.source.columns, got '{bad[0]}' of "
                f"{opened.column(bad[0]).type}; leave it out"
            )
        found = [opened.column(name) for name in columns]
        if not found or not len(found[0]):
            there = listed([f"{name} of {opened.column(name).type}" for name in opened.names])
            raise DataError(
                f"{opened.where}: a row and a column of numbers, images or lists at least wanted, got "
                f"{there if found == [] else 'no rows'}; write such a column"
            )
        gaps = np.stack([np.asarray(cells.is_null(nan_is_null=True)) for cells in found], axis=1)
        kept = np.asarray(~gaps.any(axis=1) | (missing == "fill"))
        total, number = len(kept), int((~kept).sum())
        if number and (missing == "refuse" or number == total):  # none are where gaps are filled
            row, place = (int(first) for first in np.argwhere(gaps)[0])
            ways = "set data.source.missing=skip to leave such rows out, " if number < total else ""
            raise DataError(
                f"{opened.where}: a number in every row wanted, got none in row {row} of column '{columns[place]}', "
                f"one of {number:,} in {total:,} rows with missing values; {ways}fill to put the number "
                "data.source.fill in their place, or choose other columns with data.source.columns"
            )
        whole = [np.asarray(cells.filter(pyarrow_mask(kept)).fill_null(0)) for cells in found]
        self._values, self._gaps = np.stack(whole, axis=1), gaps[kept]
        return kept, (f"{number:,} of {total:,} rows are not read, since values are missing",) if number else ()


def holds_lists(opened: OpenedTable, apart: tuple[str, ...]) -> bool:
    """Whether any column holds something else than a single number or text: encoded images, or lists."""
    return any(not opened.is_single(name) for name in opened.names if name not in apart)


def _guess_labels(opened: OpenedTable, others: set[str]) -> str | None:
    """Return the column whose name plainly stands for labels, of text or whole numbers; y may be a coordinate."""
    names = [name for name in opened.names if not opened.is_fraction(name) and words(name) != ("y",)]
    return find_labels([name for name in names if name not in others])


def _cells(opened: OpenedTable, rows: NDArray[np.bool_], name: str) -> NDArray[Any]:
    """Read a column of the rows that are kept; an empty cell is None."""
    return np.asarray(opened.cells(name))[rows]


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
