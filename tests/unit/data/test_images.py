"""Sets of images are of one kind and size; what is damaged, changed or gone is named."""

import numpy as np
import pytest

from idm.core.errors import DataError, UnreadableFileError
from idm.data import ImageFolder
from idm.data.images import collection as images
from idm.data.images.decode import read_header

from .pictures import noise, only, save


def damage(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
def test_truncated_files_are_named_before_training(tmp_path, suffix, share):
    save(tmp_path / "a.png", noise(64, 64))
    save(tmp_path / f"broken.{suffix}", noise(64, 64))
    damage(tmp_path / f"broken.{suffix}", share)
    with pytest.raises(UnreadableFileError, match=rf"broken\.{suffix}: cannot be read"):
        ImageFolder(tmp_path)


def test_a_large_folder_names_a_damaged_file_when_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MANY_FILES", 1)
    monkeypatch.setattr(images, "MANY_BYTES", 1)
    pixels = noise(64, 64)
    save(tmp_path / "a.png", pixels)
    save(tmp_path / "b.png", noise(64, 64))
    damage(tmp_path / "b.png", 0.6)
    source = ImageFolder(tmp_path)
    np.testing.assert_array_equal(source[0].transpose(1, 2, 0), pixels)
    with pytest.raises(UnreadableFileError, match=r"b\.png"):
        source.read(np.array([0, 1]))


def test_a_file_that_changed_after_it_was_found_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    save(tmp_path / "a.png", noise(4, 4))
    source = ImageFolder(tmp_path)
    save(tmp_path / "a.png", noise(5, 4))
    with pytest.raises(DataError, match=r"a\.png: an image of shape \(3, 4, 4\) wanted, got \(3, 5, 4\)"):
        source.read(np.array([0]))
    save(tmp_path / "a.png", noise(4, 4, 1))
    with pytest.raises(DataError, match=r"a\.png: 8-bit RGB wanted, got mode L"):
        source.read(np.array([0]))


def test_a_file_that_has_gone_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    save(tmp_path / "a.png", noise(4, 4))
    source = ImageFolder(tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(UnreadableFileError, match=r"a\.png: an image file wanted, got nothing there; check the path$"):
        source.read(np.array([0]))
    with pytest.raises(UnreadableFileError, match="got nothing there"):
        read_header(tmp_path / "a.png")


def test_other_kinds_and_sizes_than_the_first_are_named(tmp_path):
    save(tmp_path / "a.png", noise(4, 4))
    save(tmp_path / "b.png", noise(4, 4, 1))
    save(tmp_path / "c.png", noise(5, 4))
    with pytest.raises(DataError) as error:
        ImageFolder(tmp_path)
    grey, size = error.value.lines
    assert "b.png: 8-bit RGB wanted as in a.png, got 8-bit grey" in grey
    assert "c.png: 4 x 4 wanted as in a.png, got 4 x 5; set data.source.image_size" in size


def test_many_wrong_files_are_counted_and_a_few_named(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02d}.png").write_text("no")
    with pytest.raises(UnreadableFileError) as error:
        ImageFolder(tmp_path)
    assert len(error.value.lines) == 6
    assert error.value.lines[-1] == "... and 15 more files"


def test_a_single_image_is_read_without_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    pixels = noise(4, 4)
    save(tmp_path / "a.png", pixels)
    source = ImageFolder(tmp_path)
    monkeypatch.setattr("multiprocessing.pool.ThreadPool", lambda *_: pytest.fail("a pool was made"))
    np.testing.assert_array_equal(only(source), pixels)
