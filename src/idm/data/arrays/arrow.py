"""Tables of columns in Parquet files, and in folders that the Hugging Face library ``datasets`` saved."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from idm.core.errors import DataError, UnreadableFileError
from idm.data.arrays.stored_columns import ParquetColumns, SavedColumns, StoredColumns
from idm.data.extras import import_extra
from idm.data.images.files import find_files
from idm.data.parts import PART_OF, choose_part, choose_rows, names_parts, parts_of, parts_of_rows
from idm.data.reading.damage import reading
from idm.data.remarks import listed

WRITE_ANEW = "write it anew"

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
"""Files of a saved data set: its files of data, its columns; and the splits of several that were saved together."""


@dataclass(frozen=True)
class OpenedTable:
    """A table.

    Attributes:
        where: what messages call it.
        columns: what reads them.
        features: what the Hugging Face library notes of each column; empty if it noted nothing.
        remarks: what is worth knowing of files that are not read, a line each.
    """

    where: Path
    columns: StoredColumns
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

    def cells(self, name: str) -> list[Any]:
        """Read a column of numbers or text; an empty cell is None."""
        with reading(self.where, "a table", WRITE_ANEW):
            return self.column(name).to_pylist()

    def is_number(self, name: str) -> bool:
        """Whether a column holds single numbers."""
        kind, types = self._type(name)
        return types.is_integer(kind) or types.is_floating(kind)

    def is_fraction(self, name: str) -> bool:
        """Whether a column holds single numbers that need not be whole."""
        kind, types = self._type(name)
        return types.is_floating(kind) or types.is_decimal(kind)

    def is_single(self, name: str) -> bool:
        """Whether a column holds single numbers, text, dates and the like: no lists, and no bytes."""
        kind, types = self._type(name)
        is_bytes = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
        return not (types.is_nested(kind) or is_bytes or hasattr(kind, "storage_type"))

    def _type(self, name: str) -> Any:
        return self.columns.schema.field(name).type, import_extra("pyarrow.types", "parquet")

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
    """Open a .parquet file, a folder of them, or a saved data set, and read its values.

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
        if (where / STATE).is_file():
            return _part_of(_saved(where), split)
        files = parquet_files(where)
        if parts_of(files, every=False) is None:
            return _part_of(_parquet(where, files), split)
        chosen = choose_part(where, files, split, every=False)
        return replace(_parquet(where, chosen.files), remarks=chosen.remarks)


def parts_in_table(where: Path) -> dict[str, str | None]:
    """Return the part of each saved data set, of each Parquet file or of each row, by name; nothing without parts.

    Raises:
        UnreadableFileError, DataError: as ``open_table``.
    """
    if (where / SPLITS).is_file():
        return {path.name: PART_OF.get(path.name) for path in where.iterdir() if path.is_dir()}
    with reading(where, "a table", WRITE_ANEW):
        saved = (where / STATE).is_file()
        files = [] if saved else parquet_files(where)
        if (parts := parts_of(files, every=False)) is not None:
            return dict(zip(files, parts, strict=True))
        _, of_rows = _split_by(_saved(where) if saved else _parquet(where, files))
    return {row_name(row): part for row, part in enumerate(of_rows or ())}


def row_name(row: int) -> str:
    """Name a row of a table of images."""
    return f"row {row}"


def _one_of_several(where: Path, split: str | None) -> OpenedTable:
    """Open one of the data sets that were saved together."""
    splits = sorted(path.name for path in where.iterdir() if path.is_dir())
    if split not in splits:  # the only one of that part, as "validation" is that of "val"
        alike = [name for name in splits if split is None or PART_OF.get(name) == PART_OF.get(split, split)]
        split = alike[0] if len(alike) == 1 else split
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
    state = json.loads((where / STATE).read_text(encoding="utf-8"))
    files = [where / Path(entry["filename"]).name for entry in state["_data_files"]]
    if others := [file for file in (*files, where / INFO) if not file.is_file()]:
        raise UnreadableFileError(f"{others[0]}: a file wanted, got nothing there, or a pipe; write the table anew")
    info = json.loads((where / INFO).read_text(encoding="utf-8"))
    return OpenedTable(where, SavedColumns.of(files), _features(info, "features"))


def parquet_files(where: Path) -> list[str]:
    """List the Parquet files below a folder, as relative paths; "" for a single file.

    Raises:
        DataError: none.
    """
    if where.is_file():
        return [""]
    files = [file for file in find_files(where)[1] if file.endswith(".parquet")] if where.is_dir() else []
    if not files:
        found = "a folder without any" if where.exists() else "nothing there"
        raise DataError(f"{where}: .parquet files wanted, got {found}; check the path")
    return files


def _parquet(where: Path, files: Sequence[str]) -> OpenedTable:
    """Open Parquet files as one table."""
    columns = ParquetColumns.of([where / file for file in files])
    noted = (columns.schema.metadata or {}).get(b"huggingface")
    return OpenedTable(where, columns, _features(json.loads(noted), "info", "features") if noted else {})


def _split_by(opened: OpenedTable) -> tuple[str | None, list[str | None] | None]:
    """Return the name of the column that names the part of each row, and the parts; None both where none does."""
    for name in opened.names:
        if names_parts(name):
            values = opened.column(name).to_pylist()
            names = opened.class_names(name)
            if names and set(values) <= {None, *range(len(names))}:
                values = [None if value is None else names[value] for value in values]
            if (parts := parts_of_rows(name, values)) is not None:
                return name, parts
    return None, None


def _part_of(opened: OpenedTable, split: str | None) -> OpenedTable:
    """Keep the rows of a part, where a column names it.

    Raises:
        DataError: no such part.
    """
    column, parts = _split_by(opened)
    rows, remarks = choose_rows(opened.where, parts, split, len(parts or ()))
    if column is None or parts is None:
        return opened
    columns = opened.columns.drop_columns([column])
    if len(rows) < len(parts):  # a filter reads what lies on disk into memory
        kept = np.isin(np.arange(len(parts)), rows)
        columns = columns.filter(import_extra("pyarrow", "parquet").array(kept))
    return replace(opened, columns=columns, remarks=remarks)


def _features(noted: Any, *path: str) -> dict[str, Any]:
    """Return the object at a path in what is noted; an empty one where something else is noted."""
    for name in path:
        noted = noted.get(name) if isinstance(noted, dict) else None
    return noted if isinstance(noted, dict) else {}
