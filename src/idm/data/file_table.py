"""A table that tells of files, such as the age of the person whose scan each of them is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import counted, shown
from idm.data.arrays.columns import open_numbers
from idm.data.base import Source
from idm.data.beside import Beside
from idm.data.file_names import composed

TABLE = "table"
"""The setting that names it."""


@dataclass(frozen=True)
class Match:
    """How many samples find their row by the cells of a column.

    Attributes:
        column: name of the column.
        rows: number of the row of each sample, -1 of those that find none, or several.
    """

    column: str
    rows: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many samples find one."""
        return int((self.rows >= 0).sum())


def beside_in_table(source: Source, path: Path) -> Beside:
    """Return the columns of a table whose rows tell of files, with an entry for each sample.

    The row of a sample is found by the column that names the most samples: by its path, or the end of it, with or
    without what follows the first dot; else by the nearest folder above it that is named, such as that of a person.

    Args:
        source: the samples, which have names of files.
        path: a CSV or TSV file whose first row names the columns.

    Raises:
        UnreadableFileError: it cannot be read.
        DataError: samples without names; a sample that no row tells of, or several do.
    """
    if source.names is None:
        raise DataError(f"{TABLE}: data in files, which have names, wanted, got one array; leave {TABLE} out")
    table = open_numbers(path, None, True)
    texts = table.texts(table.names)
    names = list(dict.fromkeys(map(_file_of, source.names)))
    found = max((_matched(names, column, texts[column]) for column in table.names), key=lambda match: match.count)
    if found.count < len(names):
        missed = [name for name, row in zip(names, found.rows, strict=True) if row < 0]
        raise DataError(
            f"{path}: one row for each of {counted(len(names), 'file')} wanted, got none or several for "
            f"{counted(len(missed), 'file')}, such as {shown(missed[0])}, by the column '{found.column}'; name files, "
            f"or folders of them, in a column, each once, or set data.{TABLE} to another file"
        )
    row_of = dict(zip(names, found.rows.tolist(), strict=True))
    rows = np.array([row_of[_file_of(name)] for name in source.names], dtype=np.int64)
    return Beside(table.names, lambda name: np.array(texts[name])[rows])


def _file_of(name: str) -> str:
    """Return the file that a sample, such as a window of a recording, is in."""
    return composed(name.partition("#")[0])


def _matched(names: Sequence[str], column: str, cells: Sequence[str]) -> Match:
    """Find the row of each file by the cells of a column."""
    rows: dict[str, int] = {}
    for row, cell in enumerate(cells):
        for key in _ends(composed(cell.replace("\\", "/"))):
            rows[key] = row if rows.get(key, row) == row else -1  # what two rows claim tells neither
    return Match(column, np.array([_row_of(name, rows) for name in names], dtype=np.int64))


def _row_of(name: str, rows: Mapping[str, int]) -> int:
    above = (parent.name for parent in PurePosixPath(name).parents)
    return next((rows[key] for key in (*_ends(name), *above) if key in rows), -1)


def _ends(path: str) -> Iterator[str]:
    """Give a path and the ends of it, the longest first, each also without what follows the first dot of the name."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for first in range(len(parts)):
        folders, name = parts[first:-1], parts[-1]
        yield "/".join((*folders, name))
        if stem := name.partition(".")[0]:
            yield "/".join((*folders, stem))
