"""Pictures of samples in files: grids, single images, animations. All are written atomically."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from idm.core.errors import DataError
from idm.core.files import write_atomically
from idm.data import Codec
from idm.data.base import Samples
from idm.report.tiles import GAP_GREY, side_by_side, tiles

GAP_PIXELS, WIDE_GAP_PIXELS = 2, 8
"""Pixels between tiles; the second where channels stand side by side, to tell samples from channels."""

MOST_COLUMNS = 16
"""Most classes that have a column each."""

SAMPLES_AT_ONCE = 256
"""Most single images that are converted at a time."""


def grid(
    x: Float[Tensor, "n c *space"], codec: Codec, *, columns: int | None = None, min_tile: int = 48
) -> Image.Image:
    """Lay images out row by row.

    Args:
        x: samples in the model's range.
        codec: the codec of the data.
        columns: tiles per row; by default as many as make the grid about square.
        min_tile: small tiles are enlarged by a whole factor until both sides have this many pixels.

    Returns:
        A grey or RGB picture.

    Raises:
        DataError: no samples, or what are no images.
    """
    pictures, gap = tiles(x, codec, min_side=min_tile), WIDE_GAP_PIXELS if side_by_side(x) else GAP_PIXELS
    count, height, width = pictures.shape[:3]
    across = tiles_in_row(count, columns)
    down = math.ceil(count / across)
    size = (down * (height + gap) - gap, across * (width + gap) - gap)
    canvas = np.full((*size, *pictures.shape[3:]), GAP_GREY, dtype=np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // across * (height + gap), i % across * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas)


def tiles_in_row(count: int, columns: int | None = None) -> int:
    """Return how many of ``count`` tiles stand in a row of ``grid``."""
    return min(columns or math.ceil(math.sqrt(count)), count)


def columns_of(num: int, classes: int) -> int | None:
    """Return the columns of a grid of samples whose classes come in turn, so that each column is of one class.

    Args:
        num: how many samples.
        classes: how many classes.

    Returns:
        The multiple of the number of classes that makes the grid about square; None where there are not several
        classes, or too many.
    """
    return classes * max(1, round(math.sqrt(num) / classes)) if 1 < classes <= MOST_COLUMNS else None


def save_grid(path: str | Path, x: Float[Tensor, "n c *space"], codec: Codec, columns: int | None = None) -> Path:
    """Write ``grid`` to a file whose suffix names the format.

    Raises:
        DataError: no samples, what are no images, or a suffix that names no picture format.
    """
    return save_picture(path, grid(x, codec, columns=columns))


def save_picture(path: str | Path, picture: Image.Image) -> Path:
    """Write a picture in the format that the suffix names.

    Raises:
        DataError: a suffix that names no picture format.
    """
    path = Path(path)
    stream = io.BytesIO()
    picture.save(stream, format=_format(path, ("PNG", "WEBP", "JPEG", "GIF", "TIFF", "BMP")))
    return write_atomically(path, stream.getvalue())


def fit_png(shape: Sequence[int], codec: Codec) -> bool:
    """Whether single samples of a shape (c, *space) can be PNG files: grey or RGB, and of as many levels as those."""
    levels = codec.levels
    return len(shape) == 3 and shape[0] in (1, 3) and levels is not None and not (levels > 256 and shape[0] == 3)


def single_name(number: int) -> str:
    """Name of the file of one sample."""
    return f"{number:05d}.png"


def save_singles(folder: str | Path, data: Samples, codec: Codec, *, spread: bool = True) -> list[Path]:
    """Write one PNG per image of quantised data: 00000.png, 00001.png, ...

    Images of at most 256 levels become 8-bit files, grey images of more levels 16-bit files. The levels are spread
    over the whole range of the file; those of uint8 and uint16 data are the file's own, so these files are exact.

    Args:
        folder: where to; made if it is not there.
        data: samples as the codec decodes them, [n, c, *space].
        codec: the codec of the data.
        spread: False for data that were image files themselves: the values, uint8 or uint16, are written as they are.

    Returns:
        The files; none for data that no PNG can hold: continuous, other than two spatial axes, other than one or
        three channels, RGB of more than 256 levels.
    """
    folder = Path(folder)
    if not fit_png(data.shape[1:], codec):
        return []
    kind, white = (np.uint8, 255) if (codec.levels or 0) <= 256 else (np.uint16, 65535)
    files: list[Path] = []
    for first in range(0, len(data), SAMPLES_AT_ONCE):
        values = data[first : first + SAMPLES_AT_ONCE]
        if spread:
            values = np.rint(codec.preview(codec.encode(values)) * white).astype(kind)
        images = values[:, 0] if data.shape[1] == 1 else values.transpose(0, 2, 3, 1)
        for number, image in enumerate(images, start=first):
            files.append(save_picture(folder / single_name(number), Image.fromarray(image)))
    return files


def save_animation(
    path: str | Path, frames: Sequence[Image.Image], *, milliseconds: int = 60, hold: int = 1200
) -> Path:
    """Write an endless animation: lossless WebP or GIF, by suffix.

    Args:
        path: ends in .webp or .gif.
        frames: pictures of one size.
        milliseconds: how long a frame is shown.
        hold: how long the last frame is shown, in milliseconds.

    Raises:
        DataError: no frames, or another suffix.
    """
    path = Path(path)
    if not frames:
        raise DataError(f"{path}: at least one frame wanted, got none")
    kind = _format(path, ("WEBP", "GIF"))
    first, *rest = [frame.convert("RGB") for frame in frames]
    durations = [milliseconds] * len(rest) + [hold]
    stream = io.BytesIO()
    first.save(stream, format=kind, save_all=True, append_images=rest, duration=durations, loop=0, lossless=True)
    return write_atomically(path, stream.getvalue())


def _format(path: Path, known: tuple[str, ...]) -> str:
    Image.init()
    kind = Image.registered_extensions().get(path.suffix.lower(), "")
    if kind not in known:
        raise DataError(f"{path}: a file name ending in .{', .'.join(known).lower()} wanted, got '{path.suffix}'")
    return kind
