"""A path alone tells which source reads it."""

import h5py
import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import SOURCES, infer_source


def image(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)


@pytest.mark.parametrize("name", ["data.npy", "data.NPZ"])
def test_an_array_file_is_read_as_arrays(tmp_path, name):
    path = tmp_path / name
    assert infer_source(path) == ("arrays", {"path": str(path)})


def test_a_folder_with_one_array_and_labels_is_read_as_arrays(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((2, 1, 4, 4), np.uint8))
    np.save(tmp_path / "labels.npy", np.zeros(2, int))
    assert infer_source(tmp_path) == ("arrays", {"path": str(tmp_path / "images.npy")})


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28), (28, 28)], {}),
        ([(64, 48)], {}),
        ([(100, 40)], {"image_size": (24, 64)}),
        ([(100, 100)], {"image_size": 64}),
        ([(480, 640), (480, 640)], {"image_size": (64, 48)}),
        ([(1000, 40)], {"image_size": 32}),
        ([(40, 30), (30, 40)], {"image_size": 16}),
        ([(300, 200), (128, 500)], {"image_size": 64}),
        ([(64, 64), (65, 64)], {"image_size": 64}),
        ([(1, 1), (2, 2)], {"image_size": 1}),
    ],
)
def test_a_folder_of_images_gets_a_size_that_all_of_them_have(tmp_path, sizes, expected):
    for number, (width, height) in enumerate(sizes):
        image(tmp_path / "sub" / f"{number}.png", width, height)
    name, options = infer_source(tmp_path)
    assert (name, options) == ("image_folder", {"path": str(tmp_path), **expected})
    assert len(SOURCES.build(name, options)) == len(sizes)


def test_what_is_not_clear_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(DataError, match="nothing there"):
        infer_source(tmp_path / "missing")
    with pytest.raises(DataError, match="0 images and 0 files of data"):
        infer_source(tmp_path)
    image(tmp_path / "a.png", 4, 4)
    with pytest.raises(DataError, match=r"give the folder that a\.png is in"):
        infer_source(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(DataError, match="give images or arrays"):
        infer_source(tmp_path / "notes.txt")
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    with pytest.raises(DataError, match="1 image and 1 file of data"):
        infer_source(tmp_path)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
def test_of_several_files_one_is_named_that_can_be_given(tmp_path, suffix):
    for name in "ab":
        if suffix == "h5":
            with h5py.File(tmp_path / f"{name}.h5", "w") as file:
                file["x"] = np.zeros((2, 1, 4))
        else:
            (np.save if suffix == "npy" else np.savez)(tmp_path / f"{name}.{suffix}", np.zeros((2, 1, 4)))
    whole = ", or set data.source.name=array_folder" if suffix == "npy" else ""
    advice = rf"give one of them, such as a\.{suffix}, or put all samples into one file{whole}$"
    with pytest.raises(DataError, match=advice):
        infer_source(tmp_path)
    assert len(SOURCES.build(*infer_source(tmp_path / f"a.{suffix}"))) == 2


def test_among_files_of_several_kinds_the_one_that_most_are_of_is_advised(tmp_path):
    """As volumes with a table of those whom they show."""
    nibabel = pytest.importorskip("nibabel")
    (tmp_path / "participants.tsv").write_text("id\tage\na\t30\n")
    for name in "abc":
        nibabel.save(nibabel.Nifti1Image(np.ones((2, 3, 4), np.int16), np.eye(4)), tmp_path / f"{name}.nii")
    said = r"; set data\.source\.name=nifti to read the 3 files of that kind, without participants\.tsv, or give one of"
    with pytest.raises(DataError, match=said):
        infer_source(tmp_path)
    assert len(SOURCES.build("nifti", {"path": str(tmp_path)})) == 3


def test_a_single_image_is_told_its_folder_which_is_read(tmp_path):
    image(tmp_path / "a.jpg", 4, 4)
    with pytest.raises(DataError, match=r"got a single image; give the folder that a\.jpg is in$"):
        infer_source(tmp_path / "a.jpg")
    assert len(SOURCES.build(*infer_source(tmp_path))) == 1


@pytest.mark.parametrize(
    ("dtype", "name"), [("f4", "tiff_stack"), ("i4", "tiff_stack"), ("u1", "image_folder"), ("u2", "image_folder")]
)
def test_a_folder_of_tiff_files_of_measurements_is_no_folder_of_pictures(tmp_path, dtype, name):
    values = np.arange(60).reshape(2, 5, 6).astype(dtype)
    for number, value in enumerate(values):
        Image.fromarray(value).save(tmp_path / f"{number}.tif")
    assert infer_source(tmp_path) == (name, {"path": str(tmp_path)})
    source = SOURCES.build(*infer_source(tmp_path))
    assert source.read(np.arange(2))[:, 0].tobytes() == values.tobytes()
