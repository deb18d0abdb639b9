"""Images are resized and cropped to squares and other shapes as a reader would by hand."""

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import ImageFolder

from .pictures import noise, only, save


def test_a_short_side_of_twice_the_size_is_halved_by_averaging(tmp_path):
    pixels = (np.arange(16).reshape(4, 4) * 4).astype(np.uint8)
    save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, image_size=2)), pixels.reshape(2, 2, 2, 2).mean((1, 3)))


def test_sixteen_bit_averages_keep_their_precision(tmp_path):
    pixels = np.array([[40_001, 40_002], [40_003, 40_009]], np.uint16)  # mean 40,003.75
    save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, image_size=1)), [[40_004]])


def test_resized_sixteen_bit_edges_stay_in_range(tmp_path):
    pixels = np.zeros((24, 24), np.uint16)
    pixels[:, 12:] = 65_535
    save(tmp_path / "a.png", pixels)
    resized = only(ImageFolder(tmp_path, image_size=16))  # bicubic overshoots both ends of the range
    assert resized[:, :7].max() < 10_000
    assert resized[:, 9:].min() > 55_000


@pytest.mark.parametrize(("dtype", "ends"), [(np.uint16, (155, 4_095)), (np.uint8, (30, 200))])
def test_resized_edges_stay_in_the_range_of_their_image(tmp_path, dtype, ends):
    pixels = np.full((24, 24), ends[0], dtype)
    pixels[:, 12:] = ends[1]
    save(tmp_path / "a.png", pixels)
    resized = only(ImageFolder(tmp_path, image_size=16))  # bicubic alone gives values beyond both
    assert (resized.min(), resized.max()) == ends


def test_each_channel_stays_in_its_own_range(tmp_path):
    pixels = np.zeros((24, 24, 3), np.uint8) + np.uint8([0, 50, 100])
    pixels[:, 12:] = [255, 150, 101]
    save(tmp_path / "a.png", pixels)
    resized = only(ImageFolder(tmp_path, image_size=16)).reshape(-1, 3)
    assert (resized.min(axis=0).tolist(), resized.max(axis=0).tolist()) == ([0, 50, 100], [255, 150, 101])


@pytest.mark.parametrize(("height", "width"), [(9, 9), (9, 30), (40, 17), (8, 200), (100, 8)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_image_becomes_a_square_of_the_size_asked_for(tmp_path, height, width, channels):
    save(tmp_path / "a.png", np.full_like(noise(height, width, channels), 77))
    source = ImageFolder(tmp_path, image_size=8)
    assert source.shape == (channels, 8, 8)
    assert (only(source) == 77).all()


def test_the_centre_is_kept(tmp_path):
    pixels = noise(4, 10)
    save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, image_size=4)), pixels[:, 3:7])


def test_small_images_are_upscaled_only_on_request(tmp_path):
    save(tmp_path / "tiny.png", noise(4, 9))
    with pytest.raises(DataError, match=r"tiny\.png: at least 8 x 8 wanted, got 9 x 4"):
        ImageFolder(tmp_path, image_size=8)
    assert ImageFolder(tmp_path, image_size=8, upscale=True).shape == (3, 8, 8)


def test_a_strip_is_not_blown_up(tmp_path):
    save(tmp_path / "strip.png", noise(1, 10_000, 1))
    with pytest.raises(DataError, match=r"strip\.png: too long and narrow"):
        ImageFolder(tmp_path, image_size=64, upscale=True)


def test_an_image_is_halved_while_both_sides_are_twice_those_of_the_frame(tmp_path):
    pixels = (np.arange(4 * 12).reshape(4, 12) * 4).astype(np.uint8)
    save(tmp_path / "a.png", pixels)
    halved = pixels.reshape(2, 2, 6, 2).mean((1, 3))
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, image_size=(2, 6))), halved)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, image_size=(2, 4))), halved[:, 1:5])


def test_an_image_of_another_shape_covers_the_frame_and_loses_its_longer_side(tmp_path):
    pixels = noise(20, 18)
    save(tmp_path / "a.png", pixels)
    resized = Image.fromarray(pixels).resize((14, 16), Image.Resampling.BICUBIC)  # 20 x 14 / 18 is 15.6
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, image_size=(10, 14))), np.asarray(resized)[3:13])


def test_one_number_is_the_square_of_it(tmp_path):
    save(tmp_path / "a.png", noise(20, 31))
    np.testing.assert_array_equal(
        only(ImageFolder(tmp_path, image_size=12)), only(ImageFolder(tmp_path, image_size=(12, 12)))
    )


def test_what_does_not_cover_a_frame_is_refused_and_the_advice_works(tmp_path):
    save(tmp_path / "a.png", noise(10, 30))
    with pytest.raises(DataError, match=r"a\.png: at least 16 x 12 wanted, got 30 x 10; remove it, set data"):
        ImageFolder(tmp_path, image_size=(12, 16))
    assert ImageFolder(tmp_path, image_size=(12, 16), upscale=True).shape == (3, 12, 16)
    assert ImageFolder(tmp_path, image_size=(10, 16)).shape == (3, 10, 16)
    with pytest.raises(DataError, match=r"image_size: at most 5,656 wanted, got 6,000; set it lower"):
        ImageFolder(tmp_path, image_size=(10, 6_000))
    with pytest.raises(DataError, match=r"image_size: at least 1 wanted, got 0; set it higher"):
        ImageFolder(tmp_path, image_size=(10, 0))
