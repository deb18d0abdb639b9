"""Some seventy kinds of image files, made on the spot, each with what becomes of it."""

import io
import os
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin


@dataclass(frozen=True)
class Read:
    """Read, with these pixels [h, w] or [h, w, c] up to ``off`` grey levels; ``words`` tell of every conversion."""

    pixels: np.ndarray
    words: tuple[str, ...] = ()
    off: int = 0


@dataclass(frozen=True)
class Refused:
    """Refused with one line that names the file and holds ``reason``."""

    reason: str


@dataclass(frozen=True)
class Skipped:
    """Not looked at; ``listed``: named among the files that were skipped."""

    listed: bool = True


FAST = 1
"""Level of compression: some of the files are large until they are compressed."""

GREY = (np.arange(48).reshape(6, 8) * 5).astype(np.uint8)
RGB = np.stack([GREY, GREY.T.reshape(6, 8), 255 - GREY], axis=-1)
FLAT = np.full((16, 16, 3), (200, 30, 90), np.uint8)
DEEP = (np.arange(48).reshape(6, 8) * 1_365).astype(np.uint16)
BITS = np.eye(8, dtype=bool)[:6]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows, *, interlace=0, before=b""):
    """A PNG written by hand."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", zlib.compress(rows, FAST)) + chunk(b"IEND", b"")


def tiff(bits, photometric, pixel, sample_format=1):
    """A TIFF of one pixel written by hand, little-endian."""
    samples = len(bits)
    extra = struct.pack(f"<{samples}H", *bits) + bytes(-2 * samples % 4)
    bits_at = (258, 3, samples, 8 if samples > 2 else bits[0])
    data_at = 8 + len(extra)
    entries = [(256, 3, 1, 1), (257, 3, 1, 1), bits_at, (259, 3, 1, 1), (262, 3, 1, photometric)]
    entries += [(273, 4, 1, data_at), (277, 3, 1, samples), (278, 3, 1, 1), (279, 4, 1, len(pixel))]
    entries += [(339, 3, 1, sample_format)]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + table + bytes(4)
    return struct.pack("<2sHI", b"II", 42, data_at + len(pixel)) + extra + pixel + directory


def bmp_with_alpha():
    """A BMP of one pixel whose header (version 4) says where its alpha is."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, 1, 1, 1, 32, 3, 4, 2835, 2835, 0, 0) + masks + b"BGRs" + bytes(48)
    return struct.pack("<2sIHHI", b"BM", 14 + len(header) + 4, 0, 0, 14 + len(header)) + header + bytes(4)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(stream, format=kind, **options)
    return stream.getvalue()


def indexed(*, transparent=False, kind="PNG"):
    picture = Image.fromarray(np.eye(4, dtype=np.uint8), mode="P")
    picture.putpalette([10, 20, 30, 200, 100, 0])
    return encoded(picture, kind, **({"transparency": 0} if transparent else {}))


INDEXED = np.where(np.eye(4, dtype=bool)[..., None], (200, 100, 0), (10, 20, 30)).astype(np.uint8)


def frames(kind, first=RGB, **options):
    further = [Image.fromarray(np.roll(first, step, axis=0) // 2) for step in (1, 2)]
    return encoded(first, kind, save_all=True, append_images=further, **options)


def turned(orientation, kind, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(RGB, kind, exif=exif, **options)


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

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WHOLE_PNG, WHOLE_JPEG = encoded(RGB, "PNG"), encoded(FLAT, "JPEG", quality=95)
WRONG_CRC = WHOLE_PNG[:-20] + bytes([WHOLE_PNG[-20] ^ 0xFF]) + WHOLE_PNG[-19:]
ADAM7 = bytes([0, 10]) + bytes([0, 20]) + bytes([0, 30, 40])
"""Passes 1, 6 and 7 of a grey image of 2 x 2; the others are empty."""
TEXT_BOMB = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(80_000_000), FAST))


def commented(text):
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", text)
    return encoded(RGB, "PNG", pnginfo=info)


BY_CONTENT = {
    "grey.png": (encoded(GREY, "PNG"), Read(GREY)),
    "rgb.png": (WHOLE_PNG, Read(RGB)),
    "grey-16.png": (encoded(DEEP, "PNG"), Read(DEEP)),
    "interlaced.png": (png(2, 2, 8, 0, ADAM7, interlace=1), Read(np.array([[10, 20], [30, 40]]))),
    "one-bit.png": (encoded(BITS, "PNG"), Read(BITS * 255, ("black and white spread over 8-bit grey",))),
    "two-bit.png": (png(4, 1, 2, 0, b"\0\x1b"), Read(np.array([[0, 85, 170, 255]]), ("few greys spread over 8 bits",))),
    "four-bit.png": (png(2, 1, 4, 0, b"\0\x1f"), Read(np.array([[17, 255]]), ("few greys spread over 8 bits",))),
    "palette.png": (indexed(), Read(INDEXED, ("palette read as RGB",))),
    "palette.bmp": (indexed(kind="BMP"), Read(INDEXED, ("palette read as RGB",))),
    "palette.tif": (indexed(kind="TIFF"), Read(INDEXED, ("palette read as RGB",))),
    "profile.png": (encoded(RGB, "PNG", icc_profile=ICC), Read(RGB, ("colour profile not applied",))),
    "gamma.png": (
        png(1, 1, 8, 0, b"\0\x7b", before=chunk(b"gAMA", struct.pack(">I", 45_455))),
        Read(np.array([[123]]), ("gamma not applied",)),
    ),
    "text.png": (commented("holiday"), Read(RGB)),
    "rgb.bmp": (encoded(RGB, "BMP"), Read(RGB)),
    "grey.bmp": (encoded(GREY, "BMP"), Read(GREY)),
    "padded.bmp": (encoded(Image.fromarray(RGB).convert("RGBA"), "BMP"), Read(RGB)),
    "rgb.tif": (encoded(RGB, "TIFF"), Read(RGB)),
    "deflated.tif": (encoded(RGB, "TIFF", compression="tiff_adobe_deflate"), Read(RGB)),
    "lzw.tiff": (encoded(GREY, "TIFF", compression="tiff_lzw"), Read(GREY)),
    "grey-16.tif": (encoded(DEEP, "TIFF"), Read(DEEP)),
    "big-endian-16.tif": (encoded(DEEP.astype(">u2"), "TIFF"), Read(DEEP)),
    "one-bit.tif": (encoded(BITS, "TIFF"), Read(BITS * 255, ("black and white spread over 8-bit grey",))),
    "lossless.webp": (encoded(RGB, "WEBP", lossless=True), Read(RGB)),
    "lossy.webp": (encoded(FLAT, "WEBP", quality=95), Read(FLAT, off=3)),
    "baseline.jpg": (WHOLE_JPEG, Read(FLAT, off=2)),
    "progressive.jpeg": (encoded(FLAT, "JPEG", quality=95, progressive=True), Read(FLAT, off=2)),
    "grey.jpg": (encoded(FLAT[..., 0], "JPEG", quality=95), Read(FLAT[..., 0], off=2)),
    "profile.jpg": (
        encoded(FLAT, "JPEG", quality=95, icc_profile=ICC),
        Read(FLAT, ("colour profile not applied",), off=2),
    ),
    "trailing.jpg": (WHOLE_JPEG + b"garbage" * 9, Read(FLAT, off=2)),
    "several.jpg": (
        frames("MPO", FLAT, quality=95),
        Read(FLAT, ("first of several pictures in the file",), off=2),
    ),
    "png-inside.jpg": (WHOLE_PNG, Read(RGB, ("PNG file of another name",))),
    "jpeg-inside.png": (WHOLE_JPEG, Read(FLAT, ("JPEG file of another name",), off=2)),
    "UPPER.PNG": (WHOLE_PNG, Read(RGB)),
    'It\'s 100 % "fine" é 猫 🐈.png': (WHOLE_PNG, Read(RGB)),
    "x" * 251 + ".png": (WHOLE_PNG, Read(RGB)),
    "-rf.png": (WHOLE_PNG, Read(RGB)),
    "rgba.png": (encoded(Image.new("RGBA", (4, 4)), "PNG"), Refused("got transparency; flatten")),
    "rgba.webp": (encoded(Image.new("RGBA", (4, 4)), "WEBP", lossless=True), Refused("got transparency")),
    "rgba.tif": (encoded(Image.new("RGBA", (4, 4)), "TIFF"), Refused("got transparency")),
    "rgba.bmp": (bmp_with_alpha(), Refused("got transparency")),
    "grey-alpha.png": (encoded(Image.new("LA", (4, 4)), "PNG"), Refused("got transparency")),
    "palette-alpha.png": (indexed(transparent=True), Refused("got transparency")),
    "colour-key.png": (encoded(RGB, "PNG", transparency=(1, 2, 3)), Refused("got transparency")),
    "grey-key.png": (encoded(GREY, "PNG", transparency=7), Refused("got transparency")),
    "cmyk.jpg": (encoded(Image.new("CMYK", (4, 4)), "JPEG"), Refused("got CMYK colours; convert it to RGB")),
    "cmyk.tif": (encoded(Image.new("CMYK", (4, 4)), "TIFF"), Refused("got CMYK colours; convert it to RGB")),
    "lab.tif": (encoded(Image.new("LAB", (4, 4)), "TIFF"), Refused("got LAB colours; convert it to RGB")),
    "ycbcr.tif": (encoded(Image.new("YCbCr", (4, 4)), "TIFF"), Refused("got YCbCr colours; convert it to RGB")),
    "int32.tif": (encoded(np.zeros((4, 4), np.int32), "TIFF"), Refused(r"got 32-bit integers; save the data as \.npy")),
    "float.tif": (encoded(np.zeros((4, 4), np.float32), "TIFF"), Refused(r"got floats; save the data as \.npy")),
    "int16.tif": (tiff([16], 1, b"\1\0", sample_format=2), Refused(r"32-bit integers; save the data as \.npy")),
    "rgb-16.png": (png(1, 1, 16, 2, bytes(7)), Refused("got 16-bit colour")),
    "rgba-16.png": (png(1, 1, 16, 6, bytes(9)), Refused("got transparency")),
    "grey-alpha-16.png": (png(1, 1, 16, 4, bytes(5)), Refused("got transparency")),
    "rgb-16.tif": (tiff([16, 16, 16], 2, bytes(6)), Refused("got 16-bit colour")),
    "animated.png": (frames("PNG"), Refused("got 3 frames")),
    "animated.webp": (frames("WEBP"), Refused("got 3 frames")),
    "pages.tif": (frames("TIFF"), Refused("got 3 frames")),
    "gif-inside.png": (frames("GIF"), Refused("cannot be read as an image")),
    "empty.png": (b"", Refused("cannot be read as an image")),
    "text-inside.png": (b"not an image", Refused("cannot be read as an image")),
    "pdf-inside.png": (b"%PDF-1.7\n", Refused("cannot be read as an image")),
    "postscript.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Refused("cannot be read as an image")),
    "pickle.png": (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", Refused("cannot be read as an image")),
    "cut-half.png": (WHOLE_PNG[: len(WHOLE_PNG) // 2], Refused("cannot be read as an image")),
    "cut-end.jpg": (WHOLE_JPEG[: int(0.9 * len(WHOLE_JPEG))], Refused("cannot be read as an image")),
    "wrong-crc.png": (WRONG_CRC, Refused("cannot be read as an image")),
    "no-pixels.png": (png(0, 0, 8, 0, b""), Refused("cannot be read as an image")),
    "bomb.png": (png(9_000, 9_000, 8, 0, bytes(100)), Refused("at most 32,000,000 pixels wanted, got 9000 x 9000")),
    "larger-bomb.png": (png(50_000, 50_000, 8, 0, bytes(100)), Refused("at most 32,000,000 pixels wanted, got more")),
    "text-bomb.png": (png(1, 1, 8, 0, b"\0\7", before=TEXT_BOMB), Refused("cannot be read as an image")),
    "animated.gif": (frames("GIF"), Skipped()),
    "drawing.svg": (b"<svg/>", Skipped()),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0", Skipped()),
    ".hidden.png": (WHOLE_PNG, Skipped(listed=False)),
    "._rgb.png": (b"\0\5\x16\7", Skipped(listed=False)),
} | {
    f"orientation-{number}.{suffix}": (
        turned(number, kind, **options),
        Read(upright(RGB), (f"turned upright (EXIF orientation {number})",) if number > 1 else ()),
    )
    for number, upright in UPRIGHT.items()
    for suffix, kind, options in (("png", "PNG", {}), ("webp", "WEBP", {"lossless": True}))
}
"""Files by name: their bytes, and what becomes of them."""


def linked(path):
    target = path.with_name("target.data")
    target.write_bytes(WHOLE_PNG)
    path.symlink_to(target)


def folder(path):
    path.mkdir()
    (path / "inner.txt").write_text("nothing to see")


BY_ACTION = {
    "link.png": (linked, Read(RGB)),
    "dangling.png": (lambda path: path.symlink_to("gone.png"), Refused("nothing there; check the path")),
    "loop.png": (lambda path: path.symlink_to(path.name), Refused("cannot be read|nothing there")),
    "pipe.png": (os.mkfifo, Refused("got a pipe, socket or device; remove it")),
    "folder.png": (folder, Skipped(listed=False)),
}
"""Entries of a folder that are no plain files: how they are made, and what becomes of them."""

NAMES = {
    b"line\nbreak.png": r"line\\nbreak\.png",
    b"latin-\xe9.png": r"latin-.*\.png",
    b"bell\x07.png": r"bell\\x07\.png",
}
"""Names that would break lines of messages and records, and how a message writes them."""
