"""Points in CSV and TSV files of numbers: read by the names of their columns, and written back with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import shown
from idm.data.arrays.cells import MISSING, READERS, SPELLED, WRITTEN, Decimal
from idm.data.arrays.columns import NumberTable, guess_label_column, open_numbers
from idm.data.label_names import NO_LABELS
from idm.data.writers.table import table_bytes
from idm.run.spec import DataSpec
from idm.settings.experiment import DataSettings

TABLE_SUFFIXES = (".csv", ".tsv")


@final
@dataclass(frozen=True)
class PointTable:
    """A file of points.

    Attributes:
        table: its columns.
        told: name of the column of labels, or "none", as the run was told; None: it was not.
    """

    table: NumberTable
    told: str | None = None

    def columns(self, spec: DataSpec) -> tuple[str, ...]:
        """Return the columns that hold the coordinates of a run's points: those of its names, or as many as it has.

        Raises:
            DataError: points of another number of coordinates, or data that are no points.
        """
        names, (count, *space) = self.table.names, spec.shape
        if space:
            raise DataError(f"{self.table.where}: samples of shape {spec.shape} wanted, got rows of numbers")
        if spec.channel_names is not None and set(spec.channel_names) <= set(names):
            return spec.channel_names
        values = tuple(name for name in names if name != self._of_labels)
        if len(values) != count:
            wanted = f" ({', '.join(spec.channel_names)})" if spec.channel_names else ""
            raise DataError(
                f"{self.table.where}: {count} columns of numbers{wanted} wanted, as the run was trained on, got "
                f"{len(values)}; remove or rename columns"
            )
        return values

    def read(self, spec: DataSpec, *, may_have_holes: bool) -> NDArray[np.float64]:
        """Read the points [n, c]; a cell without a number is NaN where there may be holes.

        Raises:
            DataError: as of ``columns``; no number in a cell; no rows.
        """
        names = self.columns(spec)
        decimal = self.table.decimal_of(names)
        rows = [
            [self._number(row, name, cells, decimal, may_have_holes=may_have_holes) for name in names]
            for row, cells in self.table.rows()
        ]
        if not rows:
            raise DataError(f"{self.table.where}: at least one row of numbers wanted, got none; check the file")
        return np.array(rows, dtype=np.float64)

    def labels(self) -> list[str] | None:
        """Read the classes; None where no column names any."""
        name = self._of_labels
        return None if name is None else self.table.texts([name])[name]

    @property
    def _of_labels(self) -> str | None:
        """Name the column of labels: that of the run's data, or one whose name plainly stands for labels."""
        if self.told == NO_LABELS:
            return None
        return self.told if self.told in self.table.names else guess_label_column(self.table, None)

    def _number(self, row: int, name: str, cells: Sequence[str], decimal: Decimal, *, may_have_holes: bool) -> float:
        cell = cells[self.table.names.index(name)].strip()
        if may_have_holes and cell.casefold() in MISSING:
            return np.nan
        try:
            return READERS["d"](WRITTEN[decimal](cell))
        except ValueError:
            raise DataError(
                f"{self.table.where}: a finite number in row {row} of column '{name}' wanted, got {shown(cell)}; fill "
                "it in"
            ) from None

    def write(self, points: NDArray[Any], spec: DataSpec) -> bytes:
        """Write points [n, c] as such a file: all columns in their order, with those cells that were not read.

        Args:
            points: of the rows of the file in their order, from the first one again where there are more.
            spec: what is known of them.
        """
        names = self.columns(spec)
        spelled, places = SPELLED[self.table.decimal_of(names)], [self.table.names.index(name) for name in names]
        kept = [cells for _, cells in self.table.rows()]

        def row(number: int, point: Sequence[float]) -> list[str]:
            cells = list(kept[number % len(kept)])
            for place, value in zip(places, point, strict=True):
                cells[place] = spelled(value)
            return cells

        rows = (row(number, point) for number, point in enumerate(points.tolist()))
        return table_bytes(rows, self.table.names if self.table.is_named else None, self.table.delimiter)


def table_of(path: Path, settings: DataSettings | None = None) -> PointTable:
    """Open a file of points.

    Args:
        path: the file.
        settings: the data that the points are like, which may say what the column of labels is called.

    Raises:
        UnreadableFileError: it cannot be read.
        DataError: there is none, or it holds no columns.
    """
    if not path.is_file():
        raise DataError(f"{path}: a file of numbers wanted, got {kind_at(path)}; check the path")
    told = None if settings is None else settings.source.get("label_column")
    return PointTable(open_numbers(path, None, None), told)
