"""Columns of a data set that the Hugging Face library ``datasets`` saved, of which one is read when it is wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra


@final
@dataclass(frozen=True, eq=False)
class SavedColumns:
    """Columns in streams of Arrow; as much of a ``pyarrow.Table`` as is needed of one, but nothing of it is kept.

    Attributes:
        files: the streams, whose rows follow each other.
        schema: the pyarrow.Schema of them all.
        column_names: names of the columns.
        kept: whether each row of the files is one of the table; None: all are.
    """

    files: tuple[Path, ...]
    schema: Any
    column_names: tuple[str, ...]
    kept: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, files: Sequence[Path]) -> "SavedColumns":
        """Look what columns there are.

        Raises:
            ValueError and others: no files, files of several schemas, or a damaged one.
        """
        schemas = [_opened(file).schema for file in files]
        if not schemas or any(not schemas[0].equals(other) for other in schemas):
            raise ValueError("files of the same columns wanted")
        return cls(tuple(files), schemas[0], tuple(schemas[0].names))

    def column(self, name: str) -> Any:
        """Read a column: a pyarrow.ChunkedArray, whose memory holds no others."""
        pyarrow = import_extra("pyarrow", "parquet")
        field, chunks, begin = self.schema.field(name), [], 0
        for batch in self._batches(name):
            column, end = batch.column(0), begin + batch.num_rows
            rows = np.arange(len(column)) if self.kept is None else np.flatnonzero(self.kept[begin:end])
            chunks.append(column.take(pyarrow.array(rows)))  # a copy, for the batch holds all columns
            begin = end
        return pyarrow.chunked_array(chunks, type=field.type)

    def drop_columns(self, names: Sequence[str]) -> "SavedColumns":
        """Return the same without some columns."""
        return replace(self, column_names=tuple(name for name in self.column_names if name not in names))

    def filter(self, mask: Any) -> "SavedColumns":
        """Return some rows: those of a mask, a pyarrow.Array of truth values."""
        wanted = mask.to_numpy(zero_copy_only=False)
        if self.kept is None:
            return replace(self, kept=wanted)
        kept = self.kept.copy()
        kept[self.kept] = wanted
        return replace(self, kept=kept)

    def _batches(self, name: str) -> Iterator[Any]:
        """Read batches of rows of a column."""
        for file in self.files:
            for batch in _opened(file, self.schema.get_field_index(name)):
                batch.validate(full=True)  # an offset that leads out of a file would end the process
                yield batch


def _opened(file: Path, *columns: int) -> Any:
    pyarrow = import_extra("pyarrow", "parquet")
    ipc = import_extra("pyarrow.ipc", "parquet")
    return ipc.open_stream(pyarrow.OSFile(str(file)), options=ipc.IpcReadOptions(included_fields=list(columns)))
