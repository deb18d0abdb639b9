"""From one image file to pixels: what is read without loss, and what is refused.

The header is judged before anything is decoded. Pixels come in the depth of the file: 8-bit grey or RGB, or
16-bit grey. Animation and floats are refused with a way out, never dropped silently, and so are transparency, CMYK and
16-bit colour unless a policy of ``pixels`` says what becomes of them. EXIF orientation is honoured; colour profiles
are not applied.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageFile

from idm.core.errors import DataError, UnreadableFileError
from idm.core.text import one_line
from idm.data.images.items import Place, header_of, source_of
from idm.data.images.kinds import GREY_16, PixelKind
from idm.data.images.orientation import orientation_of, upright
from idm.data.images.pixels import REFUSE_OTHERS, PixelPolicy
from idm.data.images.resize import Frame, fit

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 32_000_000
"""Largest image that is opened, unless told otherwise: about 100 MB decoded."""

TAGS = frozenset({"exif", "xmp", "XML:com.adobe.xmp"})
"""Where Pillow keeps what may hold an orientation; asking for it without any would decode a PNG."""


@dataclass(frozen=True)
class ImageHeader:
    """What is known of an image before decoding: its pixels, and its size after orientation."""

    kind: PixelKind
    width: int
    height: int


def read_header(path: Place, max_pixels: int = MAX_PIXELS, policy: PixelPolicy = REFUSE_OTHERS) -> ImageHeader:
    """Read an image's header and judge it; the policy says which kinds of pixels are read.

    Raises:
        UnreadableFileError: nothing there, or no image of the known formats.
        DataError: an image that is too large or of a kind that is not read; the message says what to do.
    """
    try:
        _refuse_pipes(path)
        with Image.open(header_of(path), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise _too_large(path, f"{image.width} x {image.height}", max_pixels)
            return _judge(path, image, policy)
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


def _judge(path: Place, image: ImageFile.ImageFile, policy: PixelPolicy) -> ImageHeader:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: one JPEG picture with previews behind it
        raise DataError(f"{path}: one picture wanted, got {frames} frames; save them as files of their own")
    kind = policy.kind_of(path, image)
    tagged = image.format != "TIFF" and not TAGS.isdisjoint(image.info)  # Pillow gives TIFF sizes as turned
    turned = tagged and orientation_of(image) >= 5
    width, height = (image.height, image.width) if turned else (image.width, image.height)
    return ImageHeader(kind, width, height)


def decode(
    path: Place, kind: PixelKind, frame: Frame | None, policy: PixelPolicy = REFUSE_OTHERS
) -> Shaped[np.ndarray, "c h w"]:
    """Decode an upright image as a kind of pixels; fit it to a frame, if one is given.

    Raises:
        UnreadableFileError: the file is damaged or truncated.
        DataError: the file is of another kind than its header was.
    """
    try:
        with Image.open(source_of(path), formats=FORMATS) as opened:
            if not policy.suits(policy.kind_of(path, opened), kind):
                raise DataError(f"{path}: {kind.name} wanted, got mode {opened.mode}; the file was changed meanwhile")
            pixels = policy.pixels(upright(opened), kind)
            pixels = pixels if frame is None else _fitted(pixels, frame)
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over in a damaged file
        raise _unreadable(path, error) from error
    return pixels[None] if kind.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _fitted(pixels: Shaped[np.ndarray, "h w *c"], frame: Frame) -> Shaped[np.ndarray, "height width *c"]:
    """Resize and crop; 16-bit pixels go through floats, rounded and clipped only once.

    Bicubic interpolation overshoots at edges: each channel stays in the range that it has in the image.
    """
    low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    if pixels.dtype != GREY_16.dtype:
        return np.asarray(fit(Image.fromarray(pixels), frame)).clip(low, high)
    fitted = np.asarray(fit(Image.fromarray(pixels.astype(np.float32)), frame))
    return np.rint(fitted).clip(low, high).astype(np.uint16)


def _too_large(path: Place, found: str, max_pixels: int) -> DataError:
    return DataError(
        f"{path}: at most {max_pixels:,} pixels wanted, got {found}; shrink it, or raise data.source.max_pixels"
    )


def _unreadable(path: Place, error: Exception) -> UnreadableFileError:
    if isinstance(error, FileNotFoundError):
        return UnreadableFileError(f"{path}: an image file wanted, got nothing there; check the path")
    reason = one_line(error).partition(" <_io.")[0]
    return UnreadableFileError(f"{path}: cannot be read as an image ({reason}); replace or remove it")
