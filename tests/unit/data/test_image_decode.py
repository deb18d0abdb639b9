"""Image files are read right, upright and in their depth, or refused by name."""

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from idm.core.errors import DataError, UnreadableFileError
from idm.data import ImageFolder

from .pictures import noise, only, save
from .zoo import UPRIGHT, png, tiff


@pytest.mark.parametrize("suffix", ["png", "PNG", "bmp", "tif", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bit_files_come_through_unharmed(tmp_path, suffix, channels):
    pixels = noise(5, 7, channels)
    save(tmp_path / f"a.{suffix}", pixels)
    source = ImageFolder(tmp_path)
    assert source.shape == (channels, 5, 7)
    assert (source.dtype, source.levels) == (np.uint8, 256)
    np.testing.assert_array_equal(only(source), pixels)


def test_lossless_webp_comes_through_unharmed_and_jpeg_nearly(tmp_path):
    pixels = np.full((16, 16, 3), (200, 30, 90), np.uint8)
    save(tmp_path / "a.webp", pixels, lossless=True)
    save(tmp_path / "b.jpg", pixels, quality=95)
    webp, jpeg = ImageFolder(tmp_path)
    np.testing.assert_array_equal(webp.transpose(1, 2, 0), pixels)
    assert np.abs(jpeg.transpose(1, 2, 0).astype(int) - pixels).max() <= 2


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_comes_through_unharmed(tmp_path, suffix):
    pixels = np.array([[0, 1, 255], [256, 40_000, 65_535]], np.uint16)
    save(tmp_path / f"a.{suffix}", pixels)
    source = ImageFolder(tmp_path)
    assert (source.dtype, source.levels, source.shape) == (np.uint16, 65_536, (1, 2, 3))
    np.testing.assert_array_equal(only(source), pixels)


def test_big_endian_tiff_comes_through_unharmed(tmp_path):
    save(tmp_path / "a.tif", np.array([[1, 40_000]], ">u2"))
    np.testing.assert_array_equal(only(ImageFolder(tmp_path)), [[1, 40_000]])


@pytest.mark.parametrize(("depth", "row", "expected"), [(1, 0b10100000, [255, 0, 255]), (4, 0x1F, [17, 255])])
def test_shallow_greys_are_spread_over_eight_bits(tmp_path, depth, row, expected):
    (tmp_path / "a.png").write_bytes(png(len(expected), 1, depth, 0, bytes([0, row])))
    np.testing.assert_array_equal(only(ImageFolder(tmp_path)), [expected])


def test_a_palette_without_transparency_is_read_as_rgb(tmp_path):
    indexed = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode="P")
    indexed.putpalette([10, 20, 30, 200, 100, 0])
    indexed.save(tmp_path / "a.png")
    a, b = [10, 20, 30], [200, 100, 0]
    np.testing.assert_array_equal(only(ImageFolder(tmp_path)), [[a, b], [b, a]])


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("tif", {}), ("webp", {"lossless": True})])
def test_exif_orientation_is_honoured(tmp_path, orientation, suffix, options):
    stored = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / f"a.{suffix}", stored, exif=exif, **options)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path)), UPRIGHT[orientation](stored))


def test_an_orientation_in_xmp_is_honoured(tmp_path):
    stored = noise(4, 6)
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>')
    save(tmp_path / "a.png", stored, pnginfo=text)
    np.testing.assert_array_equal(only(ImageFolder(tmp_path)), UPRIGHT[6](stored))


def test_exif_orientation_of_jpeg_is_honoured(tmp_path):
    stored = np.zeros((16, 32), np.uint8)
    stored[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.jpg", stored, exif=exif, quality=100)
    read = only(ImageFolder(tmp_path))
    assert read.shape == (32, 16)
    assert read[:8, 8:].min() > 240
    assert read[8:].max() < 15


def test_text_that_is_called_an_image_is_named(tmp_path):
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(UnreadableFileError, match=r"a\.png: cannot be read as an image"):
        ImageFolder(tmp_path)


def test_an_image_with_the_wrong_suffix_is_read(tmp_path):
    pixels = noise(3, 3)
    save(tmp_path / "a.jpg", pixels, format="PNG")
    np.testing.assert_array_equal(only(ImageFolder(tmp_path)), pixels)


def animated(path):
    frames = [Image.fromarray(noise(4, 4)) for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def transparent_palette(path):
    indexed = Image.fromarray(np.eye(2, dtype=np.uint8), mode="P")
    indexed.putpalette([0, 0, 0, 255, 255, 255])
    indexed.save(path, transparency=0)


REFUSED = {
    "alpha.png": (lambda path: save(path, noise(4, 4, 4)), "got transparency; flatten"),
    "grey-alpha.png": (lambda path: Image.new("LA", (4, 4)).save(path), "got transparency"),
    "alpha.webp": (lambda path: save(path, noise(4, 4, 4)), "got transparency"),
    "palette.png": (transparent_palette, "got transparency"),
    "key.png": (lambda path: save(path, noise(4, 4), transparency=(1, 2, 3)), "got transparency"),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (4, 4)).save(path), "got CMYK colours; convert it to RGB"),
    "lab.tif": (lambda path: Image.new("LAB", (4, 4)).save(path), "got LAB colours; convert it to RGB"),
    "float.tif": (lambda path: save(path, np.zeros((4, 4), np.float32)), r"got floats; save the data as \.npy"),
    "integer.tif": (lambda path: save(path, np.zeros((4, 4), np.int32)), r"got 32-bit integers; save the data as"),
    "deep.png": (lambda path: path.write_bytes(png(1, 1, 16, 2, bytes(7))), r"got 16-bit colour; .*the data as \.npy"),
    "deep.tif": (
        lambda path: path.write_bytes(tiff([16, 16, 16], 2, bytes(6))),
        r"got 16-bit colour; .*the data as \.npy",
    ),
    "pages.tif": (animated, "got 3 frames"),
    "moving.png": (animated, "got 3 frames"),
    "moving.webp": (animated, "got 3 frames"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_something_is_refused_by_name(tmp_path, name):
    write, reason = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: .*{reason}"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("side", [5_700, 9_500, 13_500])
@pytest.mark.filterwarnings("error")
def test_a_bomb_is_refused_by_its_header(tmp_path, monkeypatch, side):
    (tmp_path / "bomb.png").write_bytes(png(side, side, 8, 0, bytes(100)))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match=r"bomb\.png: at most 32,000,000 pixels wanted"):
        ImageFolder(tmp_path)
