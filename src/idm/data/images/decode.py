"""From one image file to pixels: what is read without loss, and what is refused.

The header is judged before anything is decoded. Pixels come in the depth of the file: 8-bit grey or RGB, or
16-bit grey. Transparency, CMYK, animation, 16-bit colour and floats are refused with a way out, never dropped
silently. EXIF orientation is honoured; colour profiles are not applied.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageFile

from idm.core.errors import DataError, UnreadableFileError
from idm.core.text import one_line
from idm.data.images.items import Place, header_of, source_of
from idm.data.images.orientation import orientation_of, upright
from idm.data.images.resize import Frame, fit

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 32_000_000
"""Largest image that is opened, unless told otherwise: about 100 MB decoded."""

TAGS = frozenset({"exif", "xmp", "XML:com.adobe.xmp"})
"""Where Pillow keeps what may hold an orientation; asking for it without any would decode a PNG."""


@dataclass(frozen=True)
class PixelKind:
    """A kind of pixels: the Pillow mode they are read in, how many channels that has, and its dtype."""

    name: str
    mode: str
    channels: int
    dtype: np.dtype[Any]


GREY_8 = PixelKind("8-bit grey", "L", 1, np.dtype(np.uint8))
RGB_8 = PixelKind("8-bit RGB", "RGB", 3, np.dtype(np.uint8))
GREY_16 = PixelKind("16-bit grey", "I;16", 1, np.dtype(np.uint16))

KINDS = {"1": GREY_8, "L": GREY_8, "P": RGB_8, "RGB": RGB_8} | dict.fromkeys(
    ("I;16", "I;16B", "I;16L", "I;16N"), GREY_16
)
"""Kind of pixels of each Pillow mode that is read."""

REFUSED = {"I": "32-bit integers", "F": "floats"} | dict.fromkeys(("RGBA", "LA", "PA", "RGBa", "La"), "transparency")
WAY_OUT = {
    "transparency": "flatten it onto a background colour",
    "32-bit integers": "save the data as .npy",
    "floats": "save the data as .npy",
}


@dataclass(frozen=True)
class ImageHeader:
    """What is known of an image before decoding: its pixels, and its size after orientation."""

    kind: PixelKind
    width: int
    height: int


def read_header(path: Place, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Read an image's header and judge it.

    Raises:
        UnreadableFileError: nothing there, or no image of the known formats.
        DataError: an image that is too large or of a kind that is not read; the message says what to do.
    """
    try:
        _refuse_pipes(path)
        with Image.open(header_of(path), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise _too_large(path, f"{image.width} x {image.height}", max_pixels)
            return _judge(path, image)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # a warning where they are errors
        raise _too_large(path, "more", max_pixels) from error
    except Exception as error:  # decoders raise whatever they stumble over in a damaged file
        raise _unreadable(path, error) from error


def _refuse_pipes(path: Place) -> None:
    """Refuse what is neither file nor folder: a pipe would be waited for without end."""
    if isinstance(path, Path) and path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"{path}: an image file wanted, got a pipe, socket or device; remove it")


def _judge(path: Place, image: ImageFile.ImageFile) -> ImageHeader:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: one JPEG picture with previews behind it
        raise DataError(f"{path}: one picture wanted, got {frames} frames; save them as files of their own")
    if image.info.get("transparency") is not None:
        raise _refused(path, "transparency")
    if image.mode not in KINDS:
        raise _refused(path, REFUSED.get(image.mode, f"{image.mode} colours"))
    kind = KINDS[image.mode]
    if kind is not GREY_16 and any(";16" in str(tile.args) for tile in image.tile):
        raise DataError(f"{path}: 8-bit colour wanted, got 16-bit colour; save it with 8 bits, or the data as .npy")
    tagged = image.format != "TIFF" and not TAGS.isdisjoint(image.info)  # Pillow gives TIFF sizes as turned
    turned = tagged and orientation_of(image) >= 5
    width, height = (image.height, image.width) if turned else (image.width, image.height)
    return ImageHeader(kind, width, height)


def decode(path: Place, kind: PixelKind, frame: Frame | None) -> Shaped[np.ndarray, "c h w"]:
    """Decode an upright image; fit it to a frame, if one is given.

    Raises:
        UnreadableFileError: the file is damaged or truncated.
        DataError: the file is of another kind than its header was.
    """
    try:
        with Image.open(source_of(path), formats=FORMATS) as opened:
            if KINDS.get(opened.mode) is not kind:
                raise DataError(f"{path}: {kind.name} wanted, got mode {opened.mode}; the file was changed meanwhile")
            image = upright(opened)
            pixels = _pixels(image, kind) if frame is None else _fitted(image, kind, frame)
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over in a damaged file
        raise _unreadable(path, error) from error
    return pixels[None] if kind.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _pixels(image: Image.Image, kind: PixelKind) -> Shaped[np.ndarray, "h w *c"]:
    widened = image.convert(kind.mode) if image.mode in ("1", "P") else image
    return np.asarray(widened).astype(kind.dtype)


def _fitted(image: Image.Image, kind: PixelKind, frame: Frame) -> Shaped[np.ndarray, "h w *c"]:
    """Resize and crop; 16-bit pixels go through floats, rounded and clipped only once."""
    pixels = _pixels(image, kind)
    if kind is not GREY_16:
        return np.asarray(fit(Image.fromarray(pixels), frame))
    fitted = np.asarray(fit(Image.fromarray(pixels.astype(np.float32)), frame))
    return np.rint(fitted).clip(0, 65_535).astype(np.uint16)


def _refused(path: Place, what: str) -> DataError:
    return DataError(f"{path}: grey or RGB wanted, got {what}; {WAY_OUT.get(what, 'convert it to RGB')}")


def _too_large(path: Place, found: str, max_pixels: int) -> DataError:
    return DataError(
        f"{path}: at most {max_pixels:,} pixels wanted, got {found}; shrink it, or raise data.source.max_pixels"
    )


def _unreadable(path: Place, error: Exception) -> UnreadableFileError:
    if isinstance(error, FileNotFoundError):
        return UnreadableFileError(f"{path}: an image file wanted, got nothing there; check the path")
    reason = one_line(error).partition(" <_io.")[0]
    return UnreadableFileError(f"{path}: cannot be read as an image ({reason}); replace or remove it")
