"""Folders of .npy files: a sample for each, bit for bit in its dtype, and files that differ are named."""

import numpy as np
import pytest

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.check import check_path

RNG = np.random.default_rng(0)
KINDS = {
    "points": ((3,), "f8", (3,)),
    "signals": ((2, 20), "f4", (2, 20)),
    "signals, channels last": ((20, 2), "f4", (2, 20)),
    "pictures without channels": ((6, 6), "u1", (1, 6, 6)),
    "pictures, channels last": ((6, 7, 3), "u1", (3, 6, 7)),
    "volumes": ((1, 4, 5, 6), "i2", (1, 4, 5, 6)),
    "big-endian": ((2, 20), ">f8", (2, 20)),
    "big-endian integers": ((1, 6, 7), ">u2", (1, 6, 7)),
    "half precision": ((2, 20), "f2", (2, 20)),
    "booleans": ((1, 6, 7), "?", (1, 6, 7)),
    "complex": ((1, 20), "c8", (2, 20)),
}


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("kind", KINDS)
def test_values_come_back_bit_for_bit_in_the_order_of_names(tmp_path, kind, order):
    inner, dtype, shape = KINDS[kind]
    values = (RNG.normal(size=(6, *inner)) * (100 + 7j if dtype == "c8" else 100)).astype(dtype)
    for number, value in enumerate(values):
        np.save(tmp_path / f"{number}.npy", np.asarray(value, order=order))
    source = SOURCES.build(*infer_source(tmp_path))
    expected = np.moveaxis(values, -1, 1) if "last" in kind else values.reshape(6, -1, *shape[1:])
    if values.dtype.kind == "c":
        expected = np.concatenate([expected.real, expected.imag], axis=1)
    assert (source.shape, source.dtype) == (shape, expected.dtype.newbyteorder("="))
    rows = np.array([3, 0, 0, 5])
    assert source.read(rows).tobytes() == expected[rows].astype(source.dtype).tobytes()


def save(folder, *names, shape=(1, 8)):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", np.full(shape, number, np.float32))
    return folder


def test_classes_and_parts_are_those_of_folders_of_images(tmp_path):
    folder = save(tmp_path, "train/a/0", "train/b/1", "train/a/2", "test/b/3", "test/a/4")
    source = SOURCES.build("array_folder", {"path": str(folder), "split": "train"})
    assert source.names == ("train/a/0.npy", "train/a/2.npy", "train/b/1.npy")
    assert (source.class_names, source.labels.tolist()) == (("a", "b"), [0, 0, 1])
    assert source.read(np.arange(3))[:, 0, 0].tolist() == [0, 2, 1]
    assert source.remarks[0].startswith("only the part train is read")


def test_few_files_or_several_kinds_are_taken_for_samples_only_where_that_is_said(tmp_path):
    four = save(tmp_path / "four", *"abcd")
    with pytest.raises(DataError, match=r"or set data\.source\.name=array_folder"):
        infer_source(four)
    assert len(SOURCES.build("array_folder", {"path": str(four)})) == 4
    assert infer_source(save(four, *"abcde"))[0] == "array_folder"
    np.save(four / "c.npy", np.zeros((1, 9), np.float32))
    with pytest.raises(DataError, match=r"a folder with .* 5 files of data"):
        infer_source(four)
    with pytest.raises(DataError, match=r"c\.npy: shape \(1, 8\), float32, wanted as in a\.npy, got \(1, 9\), float32"):
        SOURCES.build("array_folder", {"path": str(four)})


def test_damaged_and_odd_files_are_refused_by_name_in_a_line(tmp_path):
    folder = save(tmp_path / "a", *"abcdef")
    sound = (folder / "c.npy").read_bytes()
    (folder / "c.npy").write_bytes(sound[:-4])
    with pytest.raises(UnreadableFileError, match=r"c\.npy: cannot be read as an array file"):
        SOURCES.build("array_folder", {"path": str(folder)})
    np.save(folder / "c.npy", np.array([[0, 1, 2, 3, 4, 5, 6, np.nan]], np.float32))
    with pytest.raises(DataError, match=r"got 12\.5% missing in sample 2; set data\.source\.missing=skip"):
        SOURCES.build("array_folder", {"path": str(folder)})
    np.save(folder / "c.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(DataError, match=r"c\.npy: an array of numbers wanted, got Python objects"):
        SOURCES.build("array_folder", {"path": str(folder)})
    (folder / "c.npy").write_bytes(sound)
    source = SOURCES.build("array_folder", {"path": str(folder)})
    np.save(folder / "c.npy", np.zeros((2, 9), np.float32))
    with pytest.raises(UnreadableFileError, match=r"c\.npy: cannot be read as an array of the shape that it had"):
        source.read(np.arange(6))
    for wrong in (tmp_path / "a" / "a.npy", tmp_path / "gone"):
        with pytest.raises(DataError, match=r"a folder of \.npy files wanted"):
            SOURCES.build("array_folder", {"path": str(wrong)})


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    folder = save(tmp_path / "a", "x/0", "x/1", "y/2", "y/3", "y/4")
    check = check_path(folder)
    assert (check.source, check.classes) == ("array_folder", {"x": 2, "y": 3})
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert SOURCES.build(*infer_source(tmp_path / "index.jsonl")).class_names == ("x", "y")
    save(folder, "y/5")
    with pytest.raises(DataError, match=r"y/5\.npy: a file of the index wanted, got a new one"):
        SOURCES.build(*infer_source(tmp_path / "index.jsonl"))
