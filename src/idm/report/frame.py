"""What stands around a grid of samples: names of classes above its columns, the scale of its values below it.

Only data whose values a picture does not show as they are have a scale: floats, and integers of more than 8 bits.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from idm.data import Codec
from idm.report.colours import INK, WHITE

FONT_PIXELS, PADDING_PIXELS = 12, 5
"""Height of letters, and space around them."""

LONGEST_NAME_PIXELS = 140
"""Names that are longer than that end in dots."""

BAR_WIDTH_PIXELS, BAR_HEIGHT_PIXELS = 96, 10
"""Size of the bar from black to white in pixels."""

MOST_RANGES = 4
"""Ranges of further channels are not written out."""


def has_scale(codec: Codec) -> bool:
    """Whether pictures of data need to say which values they show."""
    return codec.levels is None or np.dtype(codec.dtype).itemsize > 1


def scale_in_words(codec: Codec, shape: Sequence[int]) -> str:
    """Say which values of the data a picture shows how.

    Args:
        codec: the codec of the data.
        shape: channels and spatial sizes of a sample.
    """
    low, high = ("bottom", "top") if len(shape) == 2 else ("black", "white")
    ranges = [f"{_number(codec, first)} to {_number(codec, last)}" for first, last in codec.shown]
    if len(ranges) == 1:
        return f"{low} to {high}: {ranges[0]}"
    more = ", ..." if len(ranges) > MOST_RANGES else ""
    return f"{low} to {high} by channel: {', '.join(ranges[:MOST_RANGES])}{more}"


def with_scale(picture: Image.Image, codec: Codec, shape: Sequence[int]) -> Image.Image:
    """Write below a picture which values it shows; a picture of data that need no scale stays as it is.

    Grey pictures of one range have a bar from black to white between its ends.

    Args:
        picture: grey or RGB.
        codec: the codec of the data.
        shape: channels and spatial sizes of a sample.
    """
    if not has_scale(codec):
        return picture
    is_grey = len(shape) > 2 and shape[0] != 3 and len(codec.shown) == 1
    strip = _bar(*(_number(codec, end) for end in codec.shown[0])) if is_grey else _line(scale_in_words(codec, shape))
    canvas = Image.new(picture.mode, (max(picture.width, strip.width), picture.height + strip.height), WHITE)
    canvas.paste(picture, (0, 0))
    canvas.paste(strip.convert(picture.mode), (0, picture.height))
    return canvas


def with_names(picture: Image.Image, names: Sequence[str]) -> Image.Image:
    """Write a name above each column of a grid, along it where one is wider than its column; none where there are none.

    Args:
        picture: columns of equal width, grey or RGB.
        names: one per column.
    """
    if not names:
        return picture
    pitch = picture.width / len(names)
    lines = [_line(_shortened(name)) for name in names]
    if max(line.width for line in lines) > pitch:
        lines = [line.transpose(Image.Transpose.ROTATE_90) for line in lines]
    height = max(line.height for line in lines)
    canvas = Image.new(picture.mode, (picture.width, picture.height + height), WHITE)
    canvas.paste(picture, (0, height))
    for column, line in enumerate(lines):
        canvas.paste(line.convert(picture.mode), (round((column + 0.5) * pitch - line.width / 2), height - line.height))
    return canvas


def _number(codec: Codec, value: float) -> str:
    return f"{value:.4g}" if codec.levels is None else f"{round(value):,}"


def _bar(low: str, high: str) -> Image.Image:
    """Draw a bar from black to white between two numbers."""
    left, right = _line(low), _line(high)
    grey = np.tile(np.linspace(0, 255, BAR_WIDTH_PIXELS).round().astype(np.uint8), (BAR_HEIGHT_PIXELS, 1))
    strip = Image.new("L", (left.width + BAR_WIDTH_PIXELS + right.width, left.height), WHITE)
    top = (left.height - BAR_HEIGHT_PIXELS) // 2
    strip.paste(left, (0, 0))
    strip.paste(Image.fromarray(grey), (left.width, top))
    strip.paste(right, (left.width + BAR_WIDTH_PIXELS, 0))
    ImageDraw.Draw(strip).rectangle(
        (left.width, top, left.width + BAR_WIDTH_PIXELS - 1, top + BAR_HEIGHT_PIXELS - 1), outline=INK
    )
    return strip


def _line(text: str) -> Image.Image:
    """Draw a text, dark on white, with space around it."""
    font = _font()
    line = Image.new("L", (round(font.getlength(text)) + 2 * PADDING_PIXELS, FONT_PIXELS + 2 * PADDING_PIXELS), WHITE)
    ImageDraw.Draw(line).text((PADDING_PIXELS, line.height / 2), text, fill=INK, font=font, anchor="lm")
    return line


def _shortened(name: str) -> str:
    """Cut a name where it is too long."""
    font, kept = _font(), name
    while font.getlength(kept) > LONGEST_NAME_PIXELS:
        kept = f"{kept.removesuffix('…')[:-1]}…"
    return kept


@cache
def _font() -> Any:
    """Return matplotlib's own font, which has letters of many languages."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", FONT_PIXELS)
