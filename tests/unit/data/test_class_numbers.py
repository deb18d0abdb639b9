"""A class called by a number has the place of that number, wherever its name is written."""

import tarfile

import h5py
import numpy as np
import pyarrow
import pytest
import zarr
from PIL import Image
from pyarrow import parquet

from idm.core.errors import DataError
from idm.data import SOURCES
from idm.data.base import number_classes

NUMBERS = [str(number) for number in range(12)]
PADDED = [f"{number:02d}" for number in range(12)]


def folder(root, names=NUMBERS):
    for name in names:
        (root / name).mkdir()
        Image.new("L", (4, 4), int(name)).save(root / name / "a.png")
    return "image_folder", root


def csv(root, names=NUMBERS):
    folder(root, names)
    (root / "a.csv").write_text("path,label\n" + "".join(f"{name}/a.png,{name}\n" for name in names))
    return "csv", root / "a.csv"


def shards(root, names=NUMBERS):
    folder(root, names)
    with tarfile.open(root / "a.tar", "w") as archive:
        for name in names:
            (root / name / "a.cls").write_text(name)
            for suffix in ("png", "cls"):
                archive.add(root / name / f"a.{suffix}", f"{name}.{suffix}")
    return "webdataset", root / "a.tar"


def numbers(root):
    np.savez(root / "a.npz", x=np.arange(12, dtype=np.uint8)[:, None, None], y=np.arange(12))
    return "arrays", root / "a.npz"


def texts(root, names=NUMBERS):
    np.savez(root / "a.npz", x=np.arange(12, dtype=np.uint8)[:, None, None], y=np.array(names))
    return "arrays", root / "a.npz"


def hdf5(root, names=NUMBERS):
    with h5py.File(root / "a.h5", "w") as file:
        file["x"], file["y"] = np.arange(12, dtype=np.uint8)[:, None, None], names
    return "hdf5", root / "a.h5"


def table(root, names=NUMBERS):
    parquet.write_table(pyarrow.table({"x": [[[n]] for n in range(12)], "label": names}), root / "a.parquet")
    return "table", root / "a.parquet"


OF_TEXT = [folder, csv, shards, texts, hdf5, table]


@pytest.mark.parametrize("make", [*OF_TEXT, numbers])
def test_number_i_is_class_i_in_every_source(tmp_path, make):
    name, path = make(tmp_path)
    source = SOURCES.build(name, {"path": str(path)})
    assert source.class_names == tuple(NUMBERS)
    assert [int(source[row].max()) for row in range(12)] == source.labels.tolist()


@pytest.mark.parametrize("make", OF_TEXT)
def test_the_names_of_classes_are_what_is_written_in_every_source(tmp_path, make):
    name, path = make(tmp_path, PADDED)
    source = SOURCES.build(name, {"path": str(path)})
    assert source.class_names == tuple(PADDED)
    assert [int(source[row].max()) for row in range(12)] == source.labels.tolist()


def npz_of_bytes(root, x, y):
    np.savez(root / "a.npz", x=x, y=np.array(y))
    return "arrays", root / "a.npz"


def hdf5_of_bytes(root, x, y):
    with h5py.File(root / "a.h5", "w") as file:
        file["x"], file["y"] = x, np.array(y)
    return "hdf5", root / "a.h5"


def hdf5_of_texts(root, x, y):
    with h5py.File(root / "a.h5", "w") as file:
        file["x"] = x
        file.create_dataset("y", data=np.array(y, object), dtype=h5py.string_dtype())
    return "hdf5", root / "a.h5"


def zarr_of_bytes(root, x, y):
    group = zarr.open_group(str(root / "a.zarr"), mode="w")
    group.create_array("x", data=x)
    group.create_array("y", data=np.array(y))
    return "zarr", root / "a.zarr"


def table_of_bytes(root, x, y):
    parquet.write_table(pyarrow.table({"x": x.tolist(), "label": y}), root / "a.parquet")
    return "table", root / "a.parquet"


@pytest.mark.parametrize("make", [npz_of_bytes, hdf5_of_bytes, hdf5_of_texts, zarr_of_bytes, table_of_bytes])
@pytest.mark.filterwarnings("ignore:The data type")  # zarr's format says nothing of bytes yet
def test_bytes_are_the_text_that_they_stand_for(tmp_path, make):
    x = np.arange(48, dtype=np.uint8).reshape(3, 1, 16)
    name, path = make(tmp_path, x, ["kälte".encode(), b"cat", "kälte".encode()])
    source = SOURCES.build(name, {"path": str(path)})
    assert (source.class_names, source.labels.tolist()) == (("cat", "kälte"), [1, 0, 1])
    (tmp_path / "other").mkdir()
    name, path = make(tmp_path / "other", x, ["kälte".encode("latin-1"), b"cat", b"dog"])
    with pytest.raises(DataError, match=r"a\.\w+: labels in UTF-8 wanted, got b'k\\xe4lte'; save them as text$"):
        SOURCES.build(name, {"path": str(path)})


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


def stored(kind, root, **arrays):
    if kind == "arrays":
        np.savez(root / "a.npz", **arrays)
        return root / "a.npz"
    if kind == "zarr":
        group = zarr.open_group(str(root / "a.zarr"), mode="w")
        for name, array in arrays.items():
            group.create_array(name, data=array)
        return root / "a.zarr"
    with h5py.File(root / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return root / "a.h5"


@pytest.mark.parametrize("kind", ["arrays", "hdf5", "zarr"])
@pytest.mark.filterwarnings("ignore:The data type")  # zarr's format says nothing of bytes yet
def test_classes_have_the_names_that_the_file_gives_their_numbers(tmp_path, kind):
    x, names = np.arange(48, dtype=np.uint8).reshape(3, 1, 16), np.array([b"owl", b"dog", b"cat"])
    path = stored(kind, tmp_path, images=x, labels=np.array([2, 0, 2]), class_names=names)
    source = SOURCES.build(kind, {"path": str(path)})
    assert (source.class_names, source.labels.tolist(), source.remarks) == (("owl", "cat"), [1, 0, 1], ())
    before = source.fingerprint()
    source.take_classes(("0", "2"))  # as a run knows them that was started when the names were not read
    assert (source.class_names, source.labels.tolist()) == (("0", "2"), [1, 0, 1])
    assert source.fingerprint() != before


@pytest.mark.parametrize("names", [["cat"], ["cat", "cat"], [["cat", "dog"]], [0, 1]])
def test_names_that_do_not_name_each_class_are_not_read(tmp_path, names):
    x = np.arange(48, dtype=np.uint8).reshape(3, 1, 16)
    path = stored("arrays", tmp_path, images=x, labels=np.array([1, 0, 1]), class_names=np.array(names))
    source = SOURCES.build("arrays", {"path": str(path)})
    assert (source.class_names, source.labels.tolist()) == (("0", "1"), [1, 0, 1])
    assert "not read: class_names" in source.remarks[0]


def test_paths_of_numbered_folders_are_in_order_of_their_numbers():
    _, names = number_classes(np.array(["10/2", "2/10", "2/9", "2/9"]))
    assert names == ("2/9", "2/10", "10/2")
