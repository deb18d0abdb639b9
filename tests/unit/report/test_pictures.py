"""Pictures in files: layout and values are exact, files whole."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import DataError
from idm.core.files import write_atomically
from idm.data import Codec
from idm.report import columns_of, grid, save_animation, save_grid, save_singles
from idm.report.pictures import GAP_GREY, GAP_PIXELS, WIDE_GAP_PIXELS


def codec(dtype, levels, channels=1):
    half = 1.0 if levels is None else (levels - 1) / 2
    return Codec(
        offset=(0.0 if levels is None else half,) * channels, scale=(half,) * channels, dtype=dtype, levels=levels
    )


def counting(number, levels):
    """Grey 2 x 2 images in the model's range, image i of level i."""
    return torch.stack([torch.full((1, 2, 2), 2 * i / (levels - 1) - 1) for i in range(number)])


def test_a_grid_is_filled_row_by_row_and_grey_elsewhere():
    picture = np.asarray(grid(counting(5, 256), codec("uint8", 256), columns=3, min_tile=6))
    assert picture.shape == (2 * 6 + GAP_PIXELS, 3 * 6 + 2 * GAP_PIXELS)
    expected = np.full_like(picture, GAP_GREY)
    for i in range(5):
        top, left = i // 3 * (6 + GAP_PIXELS), i % 3 * (6 + GAP_PIXELS)
        expected[top : top + 6, left : left + 6] = i
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize(("number", "shape"), [(1, (1, 1)), (4, (2, 2)), (5, (2, 3)), (10, (3, 4))])
def test_a_grid_is_about_square(number, shape):
    picture = np.asarray(grid(counting(number, 256), codec("uint8", 256), min_tile=1))
    assert picture.shape == tuple(side * (2 + GAP_PIXELS) - GAP_PIXELS for side in shape)


@pytest.mark.parametrize(
    ("num", "classes", "columns"), [(64, 3, 9), (64, 10, 10), (400, 10, 20), (3, 3, 3), (4, 1, None)]
)
def test_a_grid_of_classes_in_turn_is_about_square_with_one_class_to_a_column(num, classes, columns):
    assert columns_of(num, classes) == columns


def test_samples_are_further_apart_than_their_channels():
    picture = np.asarray(grid(-torch.ones(2, 2, 4, 4), codec("float32", None, 2), columns=2, min_tile=4))
    channels = [0] * 4 + [GAP_GREY] * GAP_PIXELS + [0] * 4
    np.testing.assert_array_equal(picture, [[*channels, *[GAP_GREY] * WIDE_GAP_PIXELS, *channels]] * 4)


@pytest.mark.parametrize(("dtype", "levels"), [("uint8", 256), ("uint8", 17), ("uint8", 2), ("uint16", 65_536)])
@pytest.mark.parametrize("channels", [1, 3])
def test_levels_are_exact_in_single_files(tmp_path, dtype, levels, channels):
    data = np.random.default_rng(0).integers(0, levels, (2, channels, 16, 16)).astype(dtype)
    data[0, 0, 0, :2] = 0, levels - 1
    files = save_singles(tmp_path, data, codec(dtype, levels, channels))
    if levels > 256 and channels == 3:
        assert files == []
        return
    assert [file.name for file in files] == ["00000.png", "00001.png"]
    for file, image in zip(files, data, strict=True):
        pixels = np.asarray(Image.open(file))
        assert pixels.dtype == dtype
        white = np.iinfo(dtype).max
        levels_read = np.rint(pixels.astype(np.float64) / white * (levels - 1))
        np.testing.assert_array_equal(levels_read, image[0] if channels == 1 else image.transpose(1, 2, 0))
        if levels == white + 1:
            np.testing.assert_array_equal(pixels, levels_read)


@pytest.mark.parametrize("shape", [(2, 1, 8), (2, 2, 8, 8), (2, 1, 4, 4, 4)])
def test_what_no_png_can_hold_gets_no_single_files(tmp_path, shape):
    assert save_singles(tmp_path, np.zeros(shape, np.uint8), codec("uint8", 256, shape[1])) == []
    assert save_singles(tmp_path, np.zeros((2, 1, 8, 8), np.float32), codec("float32", None)) == []


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_an_animation_has_every_frame_and_ends_with_the_last(tmp_path, suffix):
    frames = [Image.fromarray(np.full((8, 8), 50 * i, np.uint8)) for i in range(4)]
    with Image.open(save_animation(tmp_path / f"a.{suffix}", frames)) as read:
        assert read.n_frames == 4
        read.seek(3)
        assert np.asarray(read.convert("L")).mean() == pytest.approx(150, abs=2)


def test_a_suffix_that_names_no_format_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(DataError, match=r"a file name ending in .* wanted, got '\.txt'"):
        save_grid(tmp_path / "a.txt", counting(1, 256), codec("uint8", 256))
    with pytest.raises(DataError, match="at least one frame wanted"):
        save_animation(tmp_path / "a.webp", [])
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "new" / "a.bin", b"old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", refuse)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, b"new")
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [("a.bin", b"old")]
    assert write_atomically(path, b"new").read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="files of Windows have no such modes")
@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_the_umask_says_who_may_read_a_result(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        path = save_grid(tmp_path / "grid.png", counting(2, 256), codec("uint8", 256))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode
