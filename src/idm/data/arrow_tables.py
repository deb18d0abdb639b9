"""Tables of columns in Parquet files, and in folders that the Hugging Face library ``datasets`` saved."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from idm.core.errors import DataError, UnreadableFileError
from idm.data.extras import import_extra
from idm.data.parts import choose_part
from idm.data.reading import reading
from idm.data.remarks import listed

WRITE_ANEW = "write it anew"

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
"""Files of a saved data set: its files of data, its columns; and the splits of several that were saved together."""


@dataclass(frozen=True)
class OpenedTable:
    """A table.

    Attributes:
        where: what messages call it.
        columns: a pyarrow.Table.
        features: what the Hugging Face library notes of each column; empty if it noted nothing.
        remarks: what is worth knowing of files that are not read, a line each.
    """

    where: Path
    columns: Any
    features: dict[str, Any]
    remarks: tuple[str, ...] = ()

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
            raise DataError(
                f"{self.where}: a column '{name}' wanted, got {', '.join(self.names)}; set data.source.column or "
                "data.source.label_column to one of these"
            )
        pyarrow = import_extra("pyarrow", "parquet")
        with reading(self.where, "a table", WRITE_ANEW):
            column = self.columns.column(name).combine_chunks()
            if isinstance(column, pyarrow.ChunkedArray):
                column = pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([])
            return column.storage if isinstance(column, pyarrow.ExtensionArray) else column

    def class_names(self, name: str) -> tuple[str, ...] | None:
        """Return the names of classes that are noted of a column of numbers; None where none are.

        Raises:
            UnreadableFileError: something else is noted.
        """
        feature = self.features.get(name)
        noted = feature.get("names") if isinstance(feature, dict) else None
        if not noted:
            return None
        if not isinstance(noted, list) or not all(isinstance(text, str) for text in noted):
            raise UnreadableFileError(
                f"{self.where}: names of classes wanted in what is noted of column '{name}', got something else; "
                f"{WRITE_ANEW}"
            )
        return tuple(noted)


def open_table(where: Path, split: str | None = None) -> OpenedTable:
    """Open a .parquet file, a folder of them, or a saved data set; its values stay on disk where the format allows.

    Args:
        where: the file or folder.
        split: which part of several that lie together is read; None: all together, where that is possible.

    Raises:
        UnreadableFileError: a file that cannot be read.
        DataError: pyarrow is missing; nothing there; several saved splits; no such part.
    """
    if (where / SPLITS).is_file():
        return _one_of_several(where, split)
    with reading(where, "a table", WRITE_ANEW):
        return _saved(where) if (where / STATE).is_file() else _parquet(where, split)


def _one_of_several(where: Path, split: str | None) -> OpenedTable:
    """Open one of the data sets that were saved together."""
    splits = sorted(path.name for path in where.iterdir() if path.is_dir())
    if split not in splits:
        found = "a folder of several" if split is None else f"'{split}'"
        raise DataError(
            f"{where}: one split of a data set wanted, {', '.join(splits)}, got {found}; "
            "set data.source.split to one of these"
        )
    left = [name for name in splits if name != split]
    remarks = (f"only the part {split} is read; not read: {listed(left)}; data.source.split chooses another",)
    return replace(open_table(where / split), remarks=remarks if left else ())


def _saved(where: Path) -> OpenedTable:
    pyarrow = import_extra("pyarrow", "parquet")
    state = json.loads((where / STATE).read_text(encoding="utf-8"))
    files = [where / Path(entry["filename"]).name for entry in state["_data_files"]]
    if others := [file for file in (*files, where / INFO) if not file.is_file()]:
        raise UnreadableFileError(f"{others[0]}: a file wanted, got nothing there, or a pipe; write the table anew")
    tables = [pyarrow.ipc.open_stream(pyarrow.memory_map(str(file))).read_all() for file in files]
    info = json.loads((where / INFO).read_text(encoding="utf-8"))
    return OpenedTable(where, pyarrow.concat_tables(tables), _as_features(info.get("features")))


def _parquet(where: Path, split: str | None) -> OpenedTable:
    files = sorted(where.glob("*.parquet")) if where.is_dir() else [where] if where.is_file() else []
    if not files:
        found = "a folder without any" if where.exists() else "nothing there"
        raise DataError(f"{where}: .parquet files wanted, got {found}; check the path")
    chosen = choose_part(where, [file.name for file in files], split if where.is_dir() else None, every=False)
    files = [file for file in files if file.name in chosen.files]
    parquet, pyarrow = import_extra("pyarrow.parquet", "parquet"), import_extra("pyarrow", "parquet")
    table = pyarrow.concat_tables([parquet.read_table(str(file), partitioning=None) for file in files])
    noted = (table.schema.metadata or {}).get(b"huggingface")
    features = json.loads(noted).get("info", {}).get("features") if noted else None
    return OpenedTable(where, table, _as_features(features), chosen.remarks)


def _as_features(noted: Any) -> dict[str, Any]:
    return noted if isinstance(noted, dict) else {}
