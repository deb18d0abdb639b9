"""Panels of colour: the channels of each sample side by side, their names above, a bar for each below."""

import math
from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F  # noqa: N812 (the field's name)
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from idm.report.colours import WHITE
from idm.report.frame import beside, colour_bar, stacked, text_line, with_captions
from idm.report.kinds.base import Shown

MOST_CHANNELS, MOST_SAMPLES = 8, 36
"""Most channels that are shown, and samples where nobody says how many."""

MOST_PIXELS, USUAL_PIXELS = 1600, 960
"""Most pixels of all panels from side to side, and from top to bottom; panels are reduced, and rows left out. The
second from side to side where nobody says how many samples stand in a row: what fits on a page."""

LEAST_PIXELS, LEAST_NAMED_PIXELS = 80, 128
"""Small panels are enlarged by a whole factor until both sides have so many; the second where they have names."""

GAP_PIXELS, SAMPLE_GAP_PIXELS = 4, 16
"""White between panels, and between samples that have several."""

ASPECT = 1.5
"""About how much wider than high pictures are."""

Colours = UInt8[np.ndarray, "256 3"]
"""RGB colours from the smallest to the largest value."""


def viridis() -> Colours:
    """Return colours whose lightness grows evenly, for every kind of colour vision (van der Walt & Smith, 2015)."""
    import matplotlib

    return (255 * matplotlib.colormaps["viridis"](np.arange(256))[:, :3]).round().astype(np.uint8)


def reduced(x: Float[Tensor, "n c h w"], most: int) -> tuple[Float[Tensor, "n c high wide"], list[str]]:
    """Average blocks of pixels until the longer side has at most ``most``, at least 1; say so where it was needed."""
    block = math.ceil(max(x.shape[2:]) / max(most, 1))
    if block == 1:
        return x, []
    return F.avg_pool2d(x, block, ceil_mode=True), [f"each pixel is the mean of {block} x {block}"]


def across(shape: tuple[int, int, int], count: int) -> int:
    """Return how many of ``count`` samples stand in a row, so that the picture is somewhat wider than high.

    Args:
        shape: channels, height and width of a sample.
        count: how many samples.
    """
    channels, high, wide = min(shape[0], MOST_CHANNELS), *shape[1:]
    most = USUAL_PIXELS * min(high, wide) // (channels * LEAST_NAMED_PIXELS * wide)
    return max(1, min(count, most, round(math.sqrt(ASPECT * count * high / (channels * wide)))))


def fitting(shape: tuple[int, int, int]) -> int:
    """Return how many samples fit on a page, at most 36, each of whose panels is about as large as is drawn.

    Args:
        shape: channels, height and width of a sample.
    """
    columns, (high, wide) = across(shape, MOST_SAMPLES), shape[1:]
    panels = columns * min(shape[0], MOST_CHANNELS)
    block = math.ceil(max(high, wide) / (MOST_PIXELS // panels))
    high, wide = math.ceil(high / block), math.ceil(wide / block)
    rows = max(1, USUAL_PIXELS // (_enlargement((high, wide), LEAST_NAMED_PIXELS, panels) * high))
    return min(MOST_SAMPLES, columns * rows)


def lay_panels(
    x: Float[Tensor, "n c h w"],
    shown: Shown,
    colours: Colours,
    columns: int,
    names: Sequence[str],
    *,
    has_gaps: bool = False,
) -> Image.Image:
    """Lay samples out row by row, a panel for each channel.

    Args:
        x: samples in the model's range; NaN is white.
        shown: what is known of them.
        colours: of the values.
        columns: samples per row.
        names: of the columns; none where there are none.
        has_gaps: whether there are gaps of a pixel within a panel, which those between samples shall exceed.
    """
    channels, total = min(shown.channels, MOST_CHANNELS), len(x)
    is_named = channels > 1 or shown.channel_names is not None
    x, smaller = reduced(x, MOST_PIXELS // (columns * channels))
    factor = _enlargement(x.shape[2:], LEAST_NAMED_PIXELS if is_named else LEAST_PIXELS, columns * channels)
    x = x[: columns * max(1, MOST_PIXELS // (factor * x.shape[2]))]
    panels = _coloured(shown.codec.preview(x)[:, :channels], colours).repeat(factor, axis=2).repeat(factor, axis=3)
    wide, gap = panels.shape[3], SAMPLE_GAP_PIXELS if channels > 1 or has_gaps else GAP_PIXELS
    gap += 2 * factor if has_gaps else 0
    sample = channels * (wide + GAP_PIXELS) - GAP_PIXELS
    above = [beside([text_line(name, sample) for name in names], sample, gap)] if names else []
    if is_named:
        each = beside([text_line(shown.name(channel), wide) for channel in range(channels)], wide, GAP_PIXELS)
        above.append(beside([each] * columns, sample, gap))
    remarks = [f"scale: {shown.stretch}"]
    remarks += [f"first {len(x):,} of {total:,} samples"] if len(x) < total else []
    remarks += [f"first {channels} of {shown.channels:,} channels"] if channels < shown.channels else []
    picture = stacked([*above, _laid(panels, columns, gap), *_bars(shown, channels, colours)])
    return with_captions(picture, [*remarks, *smaller])


def _coloured(unit: Float[np.ndarray, "n c h w"], colours: Colours) -> UInt8[np.ndarray, "n c h w 3"]:
    """Give values from 0 to 1 their colours."""
    is_known = np.isfinite(unit)
    found = colours[np.rint(255 * np.where(is_known, unit, 0.0)).astype(np.uint8)]
    found[~is_known] = 255
    return found


def _enlargement(sides: Sequence[int], least: int, across: int) -> int:
    """Return by what factor panels are enlarged, of which so many stand in a row."""
    return max(1, min(math.ceil(least / min(sides)), MOST_PIXELS // max(across * sides[1], sides[0])))


def _laid(panels: UInt8[np.ndarray, "n c h w 3"], columns: int, gap: int) -> Image.Image:
    """Put panels in their places on white."""
    count, channels, high, wide = panels.shape[:4]
    sample = channels * (wide + GAP_PIXELS) - GAP_PIXELS
    size = math.ceil(count / columns) * (high + GAP_PIXELS) - GAP_PIXELS, columns * (sample + gap) - gap
    canvas = np.full((*size, 3), 255, dtype=np.uint8)
    for i in range(count):
        top = i // columns * (high + GAP_PIXELS)
        for channel in range(channels):
            left = i % columns * (sample + gap) + channel * (wide + GAP_PIXELS)
            canvas[top : top + high, left : left + wide] = panels[i, channel]
    return Image.fromarray(canvas)


def _bars(shown: Shown, channels: int, colours: Colours) -> list[Image.Image]:
    """Draw a bar for each channel with its name and the values at its ends; one where all show the same values."""
    ends = [shown.ends(channel) for channel in range(channels)]
    if len(set(ends)) == 1:
        name = [text_line(shown.name(0))] if shown.channel_names and channels == 1 else []
        return [colour_bar(text_line(ends[0][0]), ends[0][1], colours, *name)]
    names = _equally_wide([text_line(shown.name(channel)) for channel in range(channels)])
    lows = _equally_wide([text_line(low) for low, _ in ends])
    return [colour_bar(low, high, colours, name) for name, low, (_, high) in zip(names, lows, ends, strict=True)]


def _equally_wide(lines: Sequence[Image.Image]) -> list[Image.Image]:
    """Add space after lines of text until they end at one place."""
    wide = max(line.width for line in lines)
    return [ImageOps.pad(line, (wide, line.height), color=WHITE, centering=(0.0, 0.0)) for line in lines]
