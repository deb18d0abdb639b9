"""Data sets that ``datasets`` saved: a column is read a batch at a time, and nothing is kept of the others."""

import json

import numpy as np
import pyarrow
import pytest

from idm.core.errors import UnreadableFileError
from idm.data.arrays.arrow import open_table

NUM = 2_000
X = np.arange(NUM, dtype=np.float64)
SPLIT = ["train", "test"] * (NUM // 2)


@pytest.fixture
def folder(tmp_path):
    table = pyarrow.table({"x": X, "other": ["a" * 4_000] * NUM, "split": SPLIT})
    for number, part in enumerate((table[:1_500], table[1_500:])):
        with pyarrow.ipc.new_stream(tmp_path / f"{number}.arrow", table.schema) as stream:
            stream.write_table(part, max_chunksize=200)
    files = [{"filename": f"{number}.arrow"} for number in range(2)]
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": files}))
    (tmp_path / "dataset_info.json").write_text("{}")
    return tmp_path


def test_of_a_saved_data_set_the_wanted_column_is_kept_once(folder):
    before = pyarrow.total_allocated_bytes()
    opened = open_table(folder)
    assert opened.names == ["x", "other"]
    column = opened.column("x")
    assert pyarrow.total_allocated_bytes() - before < 2 * X.nbytes  # others have 500 times as many bytes
    np.testing.assert_array_equal(column.to_numpy(), X)
    np.testing.assert_array_equal(open_table(folder, "test").column("x").to_numpy(), X[1::2])


def test_saved_files_of_several_columns_or_cut_short_are_refused(folder):
    content = (folder / "1.arrow").read_bytes()
    (folder / "1.arrow").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableFileError, match="cannot be read as a table"):
        open_table(folder).column("x")
    with pyarrow.ipc.new_stream(folder / "1.arrow", pyarrow.schema({"y": pyarrow.int64()})) as stream:
        stream.write_table(pyarrow.table({"y": [1]}))
    with pytest.raises(UnreadableFileError, match="files of the same columns wanted"):
        open_table(folder)
