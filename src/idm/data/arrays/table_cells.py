"""Cells of a column of a table that has one in every row, and labels in such a column."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.arrow import WRITE_ANEW, OpenedTable
from idm.data.extras import import_extra
from idm.data.label_names import as_text
from idm.data.reading.damage import reading


def filled_column(opened: OpenedTable, name: str, kept: NDArray[np.bool_] | None = None) -> Any:
    """Return a column without empty cells, of some rows.

    Args:
        opened: the table.
        name: name of the column.
        kept: whether each row is wanted; None: all are.

    Raises:
        DataError: no such column, no rows, or empty cells.
    """
    cells = opened.column(name)
    if kept is not None:
        cells = cells.filter(pyarrow_mask(kept))
    if len(cells) == 0 or cells.null_count:
        found = "no rows" if len(cells) == 0 else f"{cells.null_count:,} empty cells"
        raise DataError(f"{opened.where}: a value in every row of column '{name}' wanted, got {found}; fill them")
    return cells


def pyarrow_mask(kept: NDArray[np.bool_]) -> Any:
    """Return truth values as pyarrow takes them."""
    return import_extra("pyarrow", "parquet").array(kept)


def labels_in(
    opened: OpenedTable, name: str, kept: NDArray[np.bool_] | None = None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Return one integer or string per row; and the names of all classes, where the table tells them.

    Arguments are as of ``filled_column``.

    Raises:
        DataError: as there; something else than integers or text; numbers that name no class.
    """
    cells = filled_column(opened, name, kept)
    with reading(opened.where, "a table", WRITE_ANEW):
        labels = as_text(opened.where, np.asarray(cells.to_pylist()))
    if labels.ndim != 1 or labels.dtype.kind not in "buiU":
        raise DataError(
            f"{opened.where}: an integer or text in every row of '{name}' wanted, got {labels.dtype}; "
            "set data.source.label_column to another, or to none"
        )
    names = opened.class_names(name)
    if names is None or labels.dtype.kind != "i":
        return labels, None
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"{opened.where}: labels from 0 to {len(names) - 1} wanted, got {labels.min()} to {labels.max()}"
        )
    if len(np.unique(labels)) < len(names):  # classes without samples are left out
        return np.array(names)[labels], None
    return labels.astype(np.int64), names
