"""What the policies of ``pixels`` make of transparency, CMYK and mixed files, beside Pillow and NumPy."""

import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.data import ImageFolder
from idm.data.check import check_path
from idm.data.check.path import check_located

from .pictures import noise, only, save

RGBA = np.random.default_rng(1).integers(0, 256, (5, 6, 4)).astype(np.uint8)
RGBA[0, :, 3], RGBA[1, :, 3] = 0, 255
LEVELS = {"white": 255, "black": 0}


def over(pixels, level):
    """Pixels over a background: alpha c + (1 - alpha) level, before rounding."""
    alpha = pixels[..., -1:] / 255.0
    return alpha * pixels[..., :-1] + (1 - alpha) * level


def test_refusing_is_the_default_and_the_advice_works(tmp_path):
    save(tmp_path / "a.png", RGBA)
    with pytest.raises(DataError, match=r"got transparency; .*, or set data\.source\.pixels=white"):
        ImageFolder(tmp_path)
    assert ImageFolder(tmp_path, pixels="white").shape == (3, 5, 6)
    with pytest.raises(DataError, match="pixels: refuse, convert, white, black, keep wanted, got 'red'"):
        check_located("image_folder", {"path": str(tmp_path), "pixels": "red"})


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_laid_on_a_background(tmp_path, name, channels):
    pixels = RGBA[..., -channels:]
    save(tmp_path / "a.png", pixels)
    found = only(ImageFolder(tmp_path, pixels=name)).reshape(5, 6, channels - 1)
    assert np.abs(found - over(pixels, LEVELS[name])).max() <= 1
    assert (found[0] == LEVELS[name]).all()
    np.testing.assert_array_equal(found[1], pixels[1, :, :-1])


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_or_left_out(tmp_path, channels):
    pixels = RGBA[..., -channels:]
    save(tmp_path / "a.png", pixels)
    kept = ImageFolder(tmp_path, pixels="keep")
    assert kept.shape == (channels, 5, 6)
    np.testing.assert_array_equal(only(kept), pixels)
    left = only(ImageFolder(tmp_path, pixels="convert"))
    np.testing.assert_array_equal(left.reshape(5, 6, channels - 1), pixels[..., :-1])


def test_kept_alpha_is_resized_as_pillow_does_so_that_invisible_colours_do_not_bleed(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4], pixels[:, 4:] = (200, 0, 0, 255), (0, 255, 0, 0)
    save(tmp_path / "a.png", pixels)
    found = only(ImageFolder(tmp_path, pixels="keep", image_size=3))
    by_hand = Image.fromarray(pixels).resize((4, 4), Image.Resampling.BOX).resize((3, 3), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found, np.asarray(by_hand).clip(max=(200, 0, 0, 255)))  # no brighter than it was


@pytest.mark.parametrize("rule", ["convert", "white", "keep"])
def test_mixed_files_are_read_as_the_kind_that_holds_all(tmp_path, rule):
    grey, deep = noise(5, 6, 1), np.arange(30, dtype=np.uint16).reshape(5, 6) * 2_000
    save(tmp_path / "a.png", grey)
    save(tmp_path / "b.png", deep)
    assert ImageFolder(tmp_path, pixels=rule).shape == (1, 5, 6)
    np.testing.assert_array_equal(ImageFolder(tmp_path, pixels=rule)[1][0], deep // 256)
    Image.fromarray(grey > 99).save(tmp_path / "c.png")
    save(tmp_path / "d.png", noise(5, 6))
    source = ImageFolder(tmp_path, pixels=rule)
    assert source.shape == (3, 5, 6)
    np.testing.assert_array_equal(source[0], np.stack([grey] * 3))
    np.testing.assert_array_equal(source[2], np.stack([(grey > 99) * np.uint8(255)] * 3))
    with pytest.raises(DataError, match=r"8-bit grey wanted as in a\.png, got .*, or set data\.source\.pixels=convert"):
        ImageFolder(tmp_path)


def test_files_of_sixteen_bits_alone_keep_them(tmp_path):
    deep = np.arange(30, dtype=np.uint16).reshape(5, 6) * 2_000
    save(tmp_path / "a.png", deep)
    for rule in ("convert", "white", "keep"):
        np.testing.assert_array_equal(only(ImageFolder(tmp_path, pixels=rule)), deep)


def test_files_without_alpha_are_opaque_beside_others(tmp_path):
    save(tmp_path / "a.png", RGBA)
    save(tmp_path / "b.png", noise(5, 6, 1))
    source = ImageFolder(tmp_path, pixels="keep")
    assert (source[1][3] == 255).all()
    np.testing.assert_array_equal(source[0].transpose(1, 2, 0), RGBA)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colours_are_read_as_pillow_reads_them(tmp_path, mode):
    image = Image.fromarray(noise(5, 6)).convert(mode)
    image.save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"convert it to RGB, or set data\.source\.pixels=convert"):
        ImageFolder(tmp_path)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, pixels="convert")), np.asarray(image.convert("RGB")))


def palette(path):
    image = Image.fromarray((np.arange(30) % 3).astype(np.uint8).reshape(5, 6), mode="P")
    image.putpalette([250, 0, 0, 0, 240, 0, 0, 0, 230])
    image.save(path, transparency=bytes([0, 255, 128]))


def test_palettes_with_transparency_are_looked_up_with_it(tmp_path):
    palette(tmp_path / "a.png")
    table = np.array([(250, 0, 0, 0), (0, 240, 0, 255), (0, 0, 230, 128)], np.uint8)
    expected = table[np.arange(30).reshape(5, 6) % 3]
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, pixels="keep")), expected)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path, pixels="convert")), expected[..., :3])
    assert np.abs(only(ImageFolder(tmp_path, pixels="black")) - over(expected, 0)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_is_transparent(tmp_path, channels):
    pixels = np.full_like(noise(4, 5, channels), 9)
    pixels[1] = 7
    save(tmp_path / "a.png", pixels, transparency=7 if channels == 1 else (7, 7, 7))
    kept = only(ImageFolder(tmp_path, pixels="keep"))
    assert kept.shape == (4, 5, channels + 1)
    assert (kept[1, :, -1] == 0).all()
    assert (np.delete(kept[..., -1], 1, axis=0) == 255).all()
    assert (only(ImageFolder(tmp_path, pixels="white"))[1] == 255).all()
    save(tmp_path / "b.png", noise(4, 5, 3))
    assert ImageFolder(tmp_path, pixels="keep").shape == (4, 4, 5)


def test_a_transparent_colour_of_other_depths_is_refused(tmp_path):
    save(tmp_path / "a.png", np.full((4, 5), 900, np.uint16), transparency=900)
    with pytest.raises(DataError, match=r"8 bits wanted beside transparency, got more or fewer; save it with 8 bits"):
        ImageFolder(tmp_path, pixels="white")
    assert ImageFolder(tmp_path, pixels="convert").dtype == np.uint16


def test_what_no_policy_reads_is_refused(tmp_path):
    Image.new("LAB", (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"got LAB colours; convert it to RGB$"):
        ImageFolder(tmp_path, pixels="convert")


def test_the_check_tells_what_is_converted_and_its_index_is_read_the_same(tmp_path):
    folder = tmp_path / "data"
    save(folder / "a.png", RGBA)
    save(folder / "b.png", noise(5, 6, 1))
    assert len(check_path(folder).refusals) == 1
    check = check_located("image_folder", {"path": str(folder), "pixels": "white"})
    assert not check.refusals
    assert check.conversions == {"transparency laid on white": 1, "read as 8-bit RGB": 1}
    assert check.opened is not None
    assert check.opened.shape == (3, 5, 6)
