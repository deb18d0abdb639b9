"""Columns of tables that lie in files, of which one is read when it is wanted."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.extras import import_extra


@dataclass(frozen=True, eq=False)
class StoredColumns(ABC):
    """Columns of files; as much of a ``pyarrow.Table`` as is needed of one, but nothing of it is kept.

    Attributes:
        files: the files, whose rows follow each other.
        schema: the pyarrow.Schema of them all.
        column_names: names of the columns.
        kept: whether each row of the files is one of the table; None: all are.
    """

    files: tuple[Path, ...]
    schema: Any
    column_names: tuple[str, ...]
    kept: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, files: Sequence[Path]) -> "StoredColumns":
        """Look what columns there are.

        Raises:
            ValueError and others: no files, files of several schemas, or a damaged one.
        """
        schemas = [cls._schema_of(file) for file in files]
        if not schemas or any(not schemas[0].equals(other) for other in schemas):
            raise ValueError("files of the same columns wanted")
        return cls(tuple(files), schemas[0], tuple(schemas[0].names))

    @staticmethod
    @abstractmethod
    def _schema_of(file: Path) -> Any:
        """Read the schema of a file."""

    @abstractmethod
    def _pieces(self, name: str) -> Iterator[Any]:
        """Read a column of all files, a pyarrow.Array of some rows at a time."""

    def column(self, name: str) -> Any:
        """Read a column: a pyarrow.ChunkedArray, whose memory holds no others."""
        pyarrow = import_extra("pyarrow", "parquet")
        chunks: list[Any] = []
        begin = 0
        for piece in self._pieces(name):
            end = begin + len(piece)
            rows = np.arange(len(piece)) if self.kept is None else np.flatnonzero(self.kept[begin:end])
            chunks.append(piece.take(pyarrow.array(rows)))  # a copy, for a piece may hold all columns
            begin = end
        return pyarrow.chunked_array(chunks, type=self.schema.field(name).type)

    def drop_columns(self, names: Sequence[str]) -> "StoredColumns":
        """Return the same without some columns."""
        return replace(self, column_names=tuple(name for name in self.column_names if name not in names))

    def filter(self, mask: Any) -> "StoredColumns":
        """Return some rows: those of a mask, a pyarrow.Array of truth values."""
        wanted = mask.to_numpy(zero_copy_only=False)
        if self.kept is None:
            return replace(self, kept=wanted)
        kept = self.kept.copy()
        kept[self.kept] = wanted
        return replace(self, kept=kept)


@final
@dataclass(frozen=True, eq=False)
class SavedColumns(StoredColumns):
    """Columns of a data set that the Hugging Face library ``datasets`` saved, in streams of Arrow."""

    @staticmethod
    def _schema_of(file: Path) -> Any:
        return _stream(file).schema

    def _pieces(self, name: str) -> Iterator[Any]:
        for file in self.files:
            for batch in _stream(file, self.schema.get_field_index(name)):
                batch.validate(full=True)  # an offset that leads out of a file would end the process
                yield batch.column(0)


@final
@dataclass(frozen=True, eq=False)
class ParquetColumns(StoredColumns):
    """Columns of Parquet files."""

    @staticmethod
    def _schema_of(file: Path) -> Any:
        return import_extra("pyarrow.parquet", "parquet").read_schema(str(file))

    def _pieces(self, name: str) -> Iterator[Any]:
        parquet = import_extra("pyarrow.parquet", "parquet")
        for file in self.files:
            table = parquet.read_table(str(file), columns=[name], partitioning=None)
            yield from table.column(name).chunks


def _stream(file: Path, *columns: int) -> Any:
    pyarrow = import_extra("pyarrow", "parquet")
    ipc = import_extra("pyarrow.ipc", "parquet")
    return ipc.open_stream(pyarrow.OSFile(str(file)), options=ipc.IpcReadOptions(included_fields=list(columns)))
