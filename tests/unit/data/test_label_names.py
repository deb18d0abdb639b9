"""Names tell which arrays are samples and which are their labels, and none is left out without a word."""

import h5py
import numpy as np
import pytest
import zarr

from idm.core.errors import DataError
from idm.data import SOURCES, infer_source
from idm.data.label_names import find_labels

X, OTHER = np.zeros((6, 1, 8), np.uint8), np.ones((4, 1, 8), np.uint8)
Y = np.array([10, 9, 9, 2, 10, 2])


def npz(folder, **arrays):
    np.savez(folder / "a.npz", **{name.replace("/", "_"): value for name, value in arrays.items()})
    return "arrays", folder / "a.npz"


def hdf5(folder, **arrays):
    with h5py.File(folder / "a.h5", "w") as file:
        for name, value in arrays.items():
            file[name] = value.astype("S") if value.dtype.kind == "U" else value
    return "hdf5", folder / "a.h5"


def store(folder, **arrays):
    group = zarr.open_group(str(folder / "a.zarr"), mode="w")
    for name, value in arrays.items():
        group.create_array(name, data=value)
    return "zarr", folder / "a.zarr"


def npy(folder, **arrays):
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)
    return "arrays", folder


@pytest.fixture(params=[npz, hdf5, store])
def opened(request, tmp_path):
    """Write arrays by name, and open them."""

    def opened(**arrays):
        name, path = request.param(tmp_path, **arrays)
        return SOURCES.build(name, {"path": str(path)})

    return opened


@pytest.mark.parametrize("name", ["labels", "label", "y", "targets", "Label ", "class", "class_ids", "categories"])
@pytest.mark.parametrize("column", [Y, Y[:, None]])
def test_what_is_plainly_labels_is_used(opened, name, column):
    source = opened(**{"images": X, name: column})
    assert source.labels.tolist() == [2, 1, 1, 0, 2, 0]
    assert source.class_names == ("2", "9", "10")
    assert source.remarks == ()


@pytest.mark.parametrize(
    ("data", "labels", "others"),
    [
        ("x_train", "y_train", {"x_test": OTHER, "y_test": Y[:4]}),
        ("train_images", "train_labels", {"test_images": OTHER, "test_labels": Y[:4], "val_images": OTHER}),
    ],
)
def test_the_part_to_train_on_is_read_with_its_own_labels_and_the_others_are_named(opened, data, labels, others):
    source = opened(**others, **{data: X, labels: Y[:, None]})
    assert (len(source), source.labels.tolist()) == (6, [2, 1, 1, 0, 2, 0])
    (line,) = source.remarks
    assert line.startswith("not read: ")
    assert all(name in line for name in others)
    assert "data.source.key" in line


def test_arrays_that_are_no_labels_are_named_and_do_not_stand_in_the_way(opened):
    source = opened(images=X, target=np.linspace(0, 1, 6), class_names=np.array(["cat", "dog"]), extra=np.zeros(3))
    assert source.labels is None
    assert all(name in source.remarks[0] for name in ("target", "class_names", "extra"))


def test_labels_can_be_left_out_by_name(tmp_path):
    _, path = npz(tmp_path, x=X, y=np.linspace(0, 1, 6))
    with pytest.raises(DataError, match=r"set data\.source\.labels_key=none"):
        SOURCES.build("arrays", {"path": str(path)})
    source = SOURCES.build("arrays", {"path": str(path), "labels_key": "none"})
    assert source.labels is None
    assert "y" in source.remarks[0]


def test_labels_lie_beside_a_plain_array_under_a_name_that_tells_it(tmp_path):
    npy(tmp_path, x_train=X, y_train=Y)
    source = SOURCES.build(*infer_source(tmp_path))
    assert source.class_names == ("2", "9", "10")
    assert source.note.startswith("array of shape (6, 1, 8)")
    npy(tmp_path, x_test=OTHER)
    with pytest.raises(DataError, match="2 files of data"):
        infer_source(tmp_path)


@pytest.mark.parametrize(
    ("names", "data", "expected"),
    [
        (["a", "labels", "y"], "a", "labels"),
        (["signals", "y"], "signals", "y"),
        (["x_train", "y_test"], "x_train", None),
        (["image", "fine_label", "coarse_label"], "image", None),
        (["image", "label_image"], "image", None),
        (["train/x", "train/y", "test/y"], "train/x", "train/y"),
        (["path", "class name"], None, "class name"),
        (["path", '"Label"'], None, '"Label"'),
        (["data", "target_names", "target"], "data", "target"),
        (["data", "label_names", "target"], "data", "target"),
        (["data", "class_names"], "data", "class_names"),
    ],
)
def test_labels_are_of_the_same_part_and_nothing_else(names, data, expected):
    assert find_labels(names, data) == expected
