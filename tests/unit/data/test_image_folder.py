"""Images are read right, or refused by name."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from idm.core.errors import DataError, UnreadableFileError
from idm.data import ImageFolder, images
from idm.data.image_decode import read_header

RNG = np.random.default_rng(0)


def noise(height, width, channels=3):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return RNG.integers(0, 256, shape).astype(np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def png(width, height, depth, colour, data):
    """A PNG written by hand: header, data, end."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def deep_tiff(path):
    """One 16-bit RGB pixel in a TIFF written by hand."""
    bits, pixel = struct.pack("<3H", 16, 16, 16), bytes(6)
    entries = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 14), (277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 6)]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + table + bytes(4)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 20) + bits + pixel + directory)


def only(source):
    """The single image of a source, as h w or h w c."""
    assert len(source) == 1
    return source[0][0] if source.shape[0] == 1 else source[0].transpose(1, 2, 0)


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


UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""What a viewer makes of stored pixels, by EXIF orientation (numpy turns by 90 degrees to the left)."""


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


def test_files_are_sorted_by_path_and_hidden_ones_skipped(tmp_path):
    for value, name in enumerate(["a/z.png", "b.png", "c/d/é x.PNG"]):
        save(tmp_path / name, np.full((2, 2), value, np.uint8))
    save(tmp_path / ".hidden.png", noise(9, 9))
    save(tmp_path / ".cache" / "a.png", noise(9, 9))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    source = ImageFolder(tmp_path)
    assert [image[0, 0, 0] for image in source] == [0, 1, 2]
    assert "1 files of other kinds skipped" in source.note


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
    with pytest.raises(DataError, match="auto, folder, parent, prefix or none wanted, got 'file'"):
        labelled(tmp_path, labels="file")


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
    "deep.tif": (deep_tiff, r"got 16-bit colour; .*the data as \.npy"),
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


def test_other_kinds_and_sizes_than_the_first_are_named(tmp_path):
    save(tmp_path / "a.png", noise(4, 4))
    save(tmp_path / "b.png", noise(4, 4, 1))
    save(tmp_path / "c.png", noise(5, 4))
    with pytest.raises(DataError) as error:
        ImageFolder(tmp_path)
    grey, size = error.value.lines
    assert "b.png: 8-bit RGB wanted as in a.png, got 8-bit grey" in grey
    assert "c.png: 4 x 4 wanted as in a.png, got 4 x 5; set image_size" in size


def test_many_wrong_files_are_counted_and_a_few_named(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02d}.png").write_text("no")
    with pytest.raises(UnreadableFileError) as error:
        ImageFolder(tmp_path)
    assert len(error.value.lines) == 6
    assert error.value.lines[-1] == "... and 15 more files"


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(DataError, match="an empty folder"):
        ImageFolder(tmp_path)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"1 other files such as a\.gif"):
        ImageFolder(tmp_path)
    with pytest.raises(DataError, match="nothing there"):
        ImageFolder(tmp_path / "missing")
    with pytest.raises(DataError, match="got a file"):
        ImageFolder(tmp_path / "a.gif")
    save(tmp_path / "a.png", noise(2, 2))
    with pytest.raises(DataError, match="image_size: at least 1 wanted"):
        ImageFolder(tmp_path, image_size=0)


def test_a_file_that_has_gone_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    save(tmp_path / "a.png", noise(4, 4))
    source = ImageFolder(tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(UnreadableFileError, match=r"a\.png: an image file wanted, got nothing there; check the path$"):
        source.read(np.array([0]))
    with pytest.raises(UnreadableFileError, match="got nothing there"):
        read_header(tmp_path / "a.png")


def test_a_single_image_is_read_without_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CACHE_BYTES", 1)
    pixels = noise(4, 4)
    save(tmp_path / "a.png", pixels)
    source = ImageFolder(tmp_path)
    monkeypatch.setattr(images, "ThreadPoolExecutor", lambda *_: pytest.fail("a pool was made"))
    np.testing.assert_array_equal(only(source), pixels)
