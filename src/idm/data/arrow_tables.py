"""Tables of columns in Parquet files, and in folders that the Hugging Face library ``datasets`` saved."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm.core.errors import DataError, UnreadableFileError
from idm.data.array_files import one_line
from idm.data.extras import import_extra

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
"""Files of a saved data set: its files of data, its columns; and the splits of several that were saved together."""


@dataclass(frozen=True)
class OpenedTable:
    """A table.

    Attributes:
        where: what messages call it.
        columns: a pyarrow.Table.
        features: what the Hugging Face library notes of each column; empty if it noted nothing.
    """

    where: Path
    columns: Any
    features: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.columns.column_names)

    def column(self, name: str) -> Any:
        """Return a column as one pyarrow.Array of its storage type.

        Raises:
            DataError: no such column.
        """
        if name not in self.names:
            raise DataError(f"{self.where}: a column '{name}' wanted, got {', '.join(self.names)}; choose one of these")
        pyarrow = import_extra("pyarrow", "parquet")
        column = self.columns.column(name).combine_chunks()
        if isinstance(column, pyarrow.ChunkedArray):
            column = pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([])
        return column.storage if isinstance(column, pyarrow.ExtensionArray) else column


def open_table(where: Path) -> OpenedTable:
    """Open a .parquet file, a folder of them, or a saved data set; its values stay on disk where the format allows.

    Raises:
        UnreadableFileError: a file that cannot be read.
        DataError: pyarrow is missing; nothing there; several splits.
    """
    if (where / SPLITS).is_file():
        splits = ", ".join(sorted(path.name for path in where.iterdir() if path.is_dir()))
        raise DataError(f"{where}: one split of a data set wanted, got a folder of {splits}; give {where}/SPLIT")
    try:
        if (where / STATE).is_file():
            return _saved(where)
        return _parquet(where)
    except DataError:
        raise
    except Exception as error:  # the library raises several kinds for damaged files
        raise UnreadableFileError(f"{where}: cannot be read as a table ({one_line(error)}); write it anew") from error


def _saved(where: Path) -> OpenedTable:
    pyarrow = import_extra("pyarrow", "parquet")
    state = json.loads((where / STATE).read_text(encoding="utf-8"))
    files = [where / Path(entry["filename"]).name for entry in state["_data_files"]]
    if others := [file for file in (*files, where / INFO) if not file.is_file()]:
        raise UnreadableFileError(f"{others[0]}: a file wanted, got nothing there, or a pipe; write the table anew")
    tables = [pyarrow.ipc.open_stream(pyarrow.memory_map(str(file))).read_all() for file in files]
    info = json.loads((where / INFO).read_text(encoding="utf-8"))
    return OpenedTable(where, pyarrow.concat_tables(tables), _as_features(info.get("features")))


def _parquet(where: Path) -> OpenedTable:
    files = sorted(where.glob("*.parquet")) if where.is_dir() else [where] if where.is_file() else []
    if not files:
        found = "a folder without any" if where.exists() else "nothing there"
        raise DataError(f"{where}: .parquet files wanted, got {found}; check the path")
    parquet, pyarrow = import_extra("pyarrow.parquet", "parquet"), import_extra("pyarrow", "parquet")
    table = pyarrow.concat_tables([parquet.read_table(str(file), partitioning=None) for file in files])
    noted = (table.schema.metadata or {}).get(b"huggingface")
    features = json.loads(noted).get("info", {}).get("features") if noted else None
    return OpenedTable(where, table, _as_features(features))


def _as_features(noted: Any) -> dict[str, Any]:
    return noted if isinstance(noted, dict) else {}
