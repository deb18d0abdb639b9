"""A folder of images: which files are found, in which order, and which classes they have."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import ImageFolder

from .pictures import noise, save


def test_files_are_sorted_by_path_and_hidden_ones_skipped(tmp_path):
    for value, name in enumerate(["a/z.png", "b.png", "c/d/é x.PNG"]):
        save(tmp_path / name, np.full((2, 2), value, np.uint8))
    save(tmp_path / ".hidden.png", noise(9, 9))
    save(tmp_path / ".cache" / "a.png", noise(9, 9))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    source = ImageFolder(tmp_path)
    assert [image[0, 0, 0] for image in source] == [0, 1, 2]
    assert "1 file of other kinds skipped" in source.note


def test_links_to_folders_are_followed_and_loops_end(tmp_path):
    save(tmp_path / "elsewhere" / "a.png", noise(2, 2))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    assert len(ImageFolder(folder)) == 1


def labelled(tmp_path, *names, **options):
    for name in names:
        save(tmp_path / name, noise(2, 2))
    source = ImageFolder(tmp_path, **options)
    return (None if source.labels is None else source.labels.tolist()), source.class_names


def test_sub_folders_are_classes(tmp_path):
    found = labelled(tmp_path, "dog/1.png", "cat/x/1.png", "cat/2_a.png", "dog/0.png")
    assert found == ([0, 0, 1, 1], ("cat", "dog"))


def test_the_innermost_folders_are_classes_where_asked_for(tmp_path):
    names = ["train/dog/1.png", "test/cat/1.png", "test/dog/2.png"]
    assert labelled(tmp_path, *names, labels="parent") == ([0, 1, 1], ("cat", "dog"))


def test_whole_paths_of_folders_are_classes_where_asked_for(tmp_path):
    found = labelled(tmp_path, "cat/tabby/1.png", "cat/manx/1.png", "dog/tabby/2.png", labels="path")
    assert found == ([0, 1, 2], ("cat/manx", "cat/tabby", "dog/tabby"))


def test_file_name_prefixes_are_classes(tmp_path):
    assert labelled(tmp_path, "b_1.png", "a_2.png", "a_1.png", "b_x_y.png") == ([0, 0, 1, 1], ("a", "b"))


@pytest.mark.parametrize(
    "names",
    [
        ["one.png", "two.png"],
        ["img_1.png", "img_2.png"],
        ["0001_a.png", "0002_a.png"],
        ["a_1.png", "a_2.png", "b.png"],
        ["only/1.png", "only/2.png"],
        ["cat/1.png", "loose.png"],
    ],
)
def test_names_that_tell_no_classes_give_no_labels(tmp_path, names):
    assert labelled(tmp_path, *names) == (None, None)


def test_labels_can_be_switched_off_or_asked_for(tmp_path):
    names = ["a/x_1.png", "b/x_2.png"]
    assert labelled(tmp_path, *names, labels="none") == (None, None)
    assert labelled(tmp_path, *names, labels="prefix") == ([0, 0], ("x",))


@pytest.mark.usefixtures("unchecked_types")
def test_files_without_the_label_asked_for_are_named(tmp_path):
    with pytest.raises(DataError, match=r"loose\.png: a sub-folder wanted"):
        labelled(tmp_path, "a/1.png", "loose.png", labels="folder")
    with pytest.raises(DataError, match=r"a/1\.png: a '_' in its name wanted"):
        labelled(tmp_path, "a/1.png", "a_b/2.png", labels="prefix")
    with pytest.raises(DataError, match="auto, folder, parent, path, prefix or none wanted, got 'file'"):
        labelled(tmp_path, labels="file")


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(DataError, match="an empty folder"):
        ImageFolder(tmp_path)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"1 other file such as a\.gif"):
        ImageFolder(tmp_path)
    with pytest.raises(DataError, match="nothing there"):
        ImageFolder(tmp_path / "missing")
    with pytest.raises(DataError, match="got a file"):
        ImageFolder(tmp_path / "a.gif")
    save(tmp_path / "a.png", noise(2, 2))
    with pytest.raises(DataError, match="image_size: at least 1 wanted"):
        ImageFolder(tmp_path, image_size=0)
