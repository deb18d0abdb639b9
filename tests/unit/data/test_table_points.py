"""Points in the columns of Parquet files."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from idm.core.errors import DataError
from idm.data import SOURCES, infer_source
from idm.data.arrays.measured import MeasuredSource

X, Y = np.array([0.5, 1.5, -2.0, 4.0]), np.array([3, 1, 2, 9])


def table(path: Path, **columns: Any) -> Path:
    """Write columns, and others that are no coordinates."""
    rest = {"kind": ["a", "b", "a", "c"], "day": pyarrow.array([1, 2, 3, 4], pyarrow.date32())}
    parquet.write_table(pyarrow.table({"x": X, "y": Y, **rest, **columns}), path)
    return path


def test_columns_of_numbers_are_coordinates_by_their_names(tmp_path: Path) -> None:
    source = SOURCES.build(*infer_source(table(tmp_path / "a.parquet")))
    np.testing.assert_array_equal(source.read(np.arange(4)), np.stack([X, Y], 1))
    assert (source.shape, source.dtype, source.channel_names) == ((2,), np.float64, ("x", "y"))
    assert source.labels is None
    assert source.remarks == ("columns not read: kind, day; data.source.label_column chooses labels",)
    assert source.columns_of(np.array([3, 0])) == {"kind": ["c", "a"], "day": ["1970-01-05", "1970-01-02"]}


def test_columns_and_labels_are_chosen_by_name(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", station=np.array([5, 5, 6, 6]))
    asked = {"path": str(path), "columns": ("y",), "label_column": "kind"}
    source = SOURCES.build("table", asked, apart=("station",))
    np.testing.assert_array_equal(source.read(np.arange(4)), Y[:, None])
    assert source.dtype == np.int64
    assert source.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(source.beside.read("group_by", "station", 4).astype(int), [5, 5, 6, 6])


def test_a_column_called_label_is_the_labels_unless_it_holds_fractions(tmp_path: Path) -> None:
    whole = SOURCES.build("table", {"path": str(table(tmp_path / "a.parquet", label=[0, 1, 1, 0]))})
    assert (whole.class_names, whole.channel_names) == (("0", "1"), ("x", "y"))
    fractions = SOURCES.build("table", {"path": str(table(tmp_path / "b.parquet", label=[0.5, 1.0, 1.0, 0.0]))})
    assert (fractions.class_names, fractions.channel_names) == (None, ("x", "y", "label"))


def test_empty_cells_and_nan_are_refused_by_row_and_column_or_their_rows_are_skipped(tmp_path: Path) -> None:
    gaps = {"u": pyarrow.array([1, None, 2**60 + 1, 4]), "v": [0.0, 1.0, 2.0, float("nan")]}
    path = str(table(tmp_path / "a.parquet", **gaps))
    asked = {"path": path, "columns": ("v", "u"), "label_column": "kind"}
    with pytest.raises(DataError, match=r"in row 1 of column 'u', one of 2 in 4 rows .*\.missing=skip") as caught:
        SOURCES.build("table", asked)
    assert "\n" not in str(caught.value)
    source = SOURCES.build("table", {**asked, "columns": ("u",), "missing": "skip"})
    assert source.read(np.arange(3)).ravel().tolist() == [1, 2**60 + 1, 4]
    assert source.class_names == ("a", "c")
    assert source.labels is not None
    assert source.labels.tolist() == [0, 0, 1]
    assert "1 of 4 rows are not read, since values are missing" in source.remarks
    filled = SOURCES.build("table", {**asked, "columns": ("u",), "missing": "fill", "fill": 7.0})
    assert filled.read(np.arange(4)).ravel().tolist() == [1, 7, 2**60 + 1, 4]
    assert isinstance(filled, MeasuredSource)
    assert np.isnan(filled.read_with_gaps(np.arange(4))).ravel().tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"columns": ("kind",)}, "columns of single numbers wanted in data.source.columns, got 'kind' of string"),
        ({"columns": ("z",)}, "a column 'z' wanted, got x, y, kind, day"),
        ({"columns": ("x",), "label_column": "y2"}, "a column 'y2' wanted"),
    ],
)
def test_other_columns_are_refused_by_name(tmp_path: Path, asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        SOURCES.build("table", {"path": str(table(tmp_path / "a.parquet")), **asked})


def test_of_a_table_only_the_columns_that_are_used_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []
    usual = parquet.read_table

    def watched(*args: Any, columns: list[str], **options: Any) -> pyarrow.Table:
        read.append(columns)
        return usual(*args, columns=columns, **options)

    monkeypatch.setattr(parquet, "read_table", watched)
    SOURCES.build("table", {"path": str(table(tmp_path / "a.parquet", junk=["z" * 1000] * 4)), "columns": ("x",)})
    assert {name for names in read for name in names} == {"x"}
