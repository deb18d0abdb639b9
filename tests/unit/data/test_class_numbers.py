"""A class called by a number has the place of that number, wherever its name is written."""

import numpy as np
import pytest
from PIL import Image

from idm.data import SOURCES
from idm.data.base import number_classes

NUMBERS = [str(number) for number in range(12)]


def folder(root):
    for name in NUMBERS:
        (root / name).mkdir()
        Image.new("L", (4, 4), int(name)).save(root / name / "a.png")
    return "image_folder", root


def csv(root):
    folder(root)
    (root / "a.csv").write_text("path,label\n" + "".join(f"{name}/a.png,{name}\n" for name in NUMBERS))
    return "csv", root / "a.csv"


def numbers(root):
    np.savez(root / "a.npz", x=np.arange(12, dtype=np.uint8)[:, None, None], y=np.arange(12))
    return "arrays", root / "a.npz"


def texts(root):
    np.savez(root / "a.npz", x=np.arange(12, dtype=np.uint8)[:, None, None], y=np.array(NUMBERS))
    return "arrays", root / "a.npz"


def hdf5(root):
    with pytest.importorskip("h5py").File(root / "a.h5", "w") as file:
        file["x"], file["y"] = np.arange(12, dtype=np.uint8)[:, None, None], NUMBERS
    return "hdf5", root / "a.h5"


def table(root):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"x": [[[n]] for n in range(12)], "label": NUMBERS}), root / "a.parquet")
    return "table", root / "a.parquet"


@pytest.mark.parametrize("make", [folder, csv, numbers, texts, hdf5, table])
def test_number_i_is_class_i_in_every_source(tmp_path, make):
    name, path = make(tmp_path)
    source = SOURCES.build(name, {"path": str(path)})
    assert source.class_names == tuple(NUMBERS)
    assert [int(source[row].max()) for row in range(12)] == source.labels.tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "-1", "9"], ("-1", "9", "10")),
        (["b", "10", "9"], ("10", "9", "b")),
        (["02", "1", "10"], ("1", "02", "10")),
        (["1.5", "10", "9"], ("1.5", "10", "9")),
    ],
)
def test_only_whole_numbers_are_ordered_by_size(names, expected):
    labels, classes = number_classes(np.array(names))
    assert classes == expected
    assert [classes[label] for label in labels] == names
