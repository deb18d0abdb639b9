"""What stands around a grid of samples: names of classes above its columns, the scale of its values below it.

Only data whose values a picture does not show as they are have a scale: floats, and integers of more than 8 bits.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from idm.data import Codec
from idm.report.colours import INK, WHITE

FONT_PIXELS, PADDING_PIXELS = 12, 5
"""Height of letters, and space around them."""

LONGEST_NAME_PIXELS = 150
"""Names that are longer than that end in dots."""

BAR_WIDTH_PIXELS, BAR_HEIGHT_PIXELS = 96, 10
"""Size of the bar from black to white in pixels."""

GREYS = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
"""Black to white, RGB."""

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
    ranges = [f"{number(codec, first)} to {number(codec, last)}" for first, last in codec.shown]
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
    strip = (
        colour_bar(text_line(number(codec, codec.shown[0][0])), number(codec, codec.shown[0][1]), GREYS)
        if is_grey
        else text_line(scale_in_words(codec, shape))
    )
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
    lines = [text_line(name, LONGEST_NAME_PIXELS) for name in names]
    if max(line.width for line in lines) > pitch:
        lines = [line.transpose(Image.Transpose.ROTATE_90) for line in lines]
    height = max(line.height for line in lines)
    canvas = Image.new(picture.mode, (picture.width, picture.height + height), WHITE)
    canvas.paste(picture, (0, height))
    for column, line in enumerate(lines):
        canvas.paste(line.convert(picture.mode), (round((column + 0.5) * pitch - line.width / 2), height - line.height))
    return canvas


def number(codec: Codec, value: float) -> str:
    """Write a value of the data."""
    return f"{value:.4g}" if codec.levels is None else f"{round(value):,}"


def with_captions(picture: Image.Image, sentences: Sequence[str]) -> Image.Image:
    """Write sentences below a picture, as many in a line as fit."""
    lines: list[str] = []
    for sentence in sentences:
        joined = f"{lines[-1]}; {sentence}" if lines else sentence
        fits = _font().getlength(joined) + 2 * PADDING_PIXELS <= picture.width
        lines[-1:] = [joined] if fits or not lines else [lines[-1], sentence]
    strips = [text_line(line).convert(picture.mode) for line in lines]
    return stacked([picture, *strips], picture.mode) if strips else picture


def stacked(parts: Sequence[Image.Image], mode: str = "RGB") -> Image.Image:
    """Put pictures below each other, at the left, on white."""
    canvas = Image.new(mode, (max(part.width for part in parts), sum(part.height for part in parts)), WHITE)
    top = 0
    for part in parts:
        canvas.paste(part.convert(mode), (0, top))
        top += part.height
    return canvas


def beside(parts: Sequence[Image.Image], wide: int, gap: int) -> Image.Image:
    """Put pictures next to each other, each in the middle of ``wide`` pixels, with gaps between them."""
    canvas = Image.new("RGB", (len(parts) * (wide + gap) - gap, max(part.height for part in parts)), WHITE)
    for place, part in enumerate(parts):
        canvas.paste(part.convert("RGB"), (place * (wide + gap) + (wide - part.width) // 2, 0))
    return canvas


def colour_bar(
    low: Image.Image, high: str, colours: UInt8[np.ndarray, "256 3"], name: Image.Image | None = None
) -> Image.Image:
    """Draw a bar of colours between the values at its ends, the first of which is drawn, perhaps after a name."""
    right = text_line(high)
    places = np.linspace(0, len(colours) - 1, BAR_WIDTH_PIXELS).round().astype(np.int64)
    bar = Image.fromarray(np.tile(colours[places], (BAR_HEIGHT_PIXELS, 1, 1)))
    ImageDraw.Draw(bar).rectangle((0, 0, bar.width - 1, bar.height - 1), outline=INK)
    parts, top = [*([] if name is None else [name]), low, bar, right], (low.height - bar.height) // 2
    strip, x = Image.new("RGB", (sum(part.width for part in parts), low.height), WHITE), 0
    for part in parts:
        strip.paste(part.convert("RGB"), (x, top if part is bar else 0))
        x += part.width
    return strip


def text_line(text: str, most: int | None = None) -> Image.Image:
    """Draw a text, dark on white, with space around it; it ends in dots where it is wider than ``most`` pixels."""
    font, kept = _font(), text
    while most is not None and len(kept) > 1 and font.getlength(kept) > most - 2 * PADDING_PIXELS:
        kept = f"{kept.removesuffix('…')[:-1]}…"
    line = Image.new("L", (round(font.getlength(kept)) + 2 * PADDING_PIXELS, FONT_PIXELS + 2 * PADDING_PIXELS), WHITE)
    ImageDraw.Draw(line).text((PADDING_PIXELS, line.height / 2), kept, fill=INK, font=font, anchor="lm")
    return line


@cache
def _font() -> Any:
    """Return matplotlib's own font, which has letters of many languages."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", FONT_PIXELS)
