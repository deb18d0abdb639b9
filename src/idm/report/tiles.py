"""One small picture per sample, for data with one to three spatial axes and any number of channels.

Two axes: grey for one channel, RGB for three, else the channels side by side in grey with a gap between them. Three
axes: the same for the middle slice along the first spatial axis. One axis: a line drawing with one colour per channel.
Points have no tile; ``figures.scatter`` shows them.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from idm.core.errors import DataError
from idm.data import Codec
from idm.report.colours import PALETTE, WHITE

Tiles = UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w 3"]
"""Grey or RGB pictures."""

MAX_CHANNELS = 8
"""Most channels that are shown."""

LINE_WIDTH_PIXELS, LINE_HEIGHT_PIXELS = 96, 64
"""Size of the drawing of a sample with one spatial axis, in pixels."""

OVERSAMPLING = 4
"""Lines are drawn this many times larger, then reduced, so that they come out smooth."""

MARGIN_PIXELS = 4
"""Empty pixels around a line drawing."""

CHANNEL_GAP_PIXELS, GAP_GREY = 2, 224
"""Pixels between channels that stand side by side; a light grey, which is told from white."""

LONGEST_SIDE_PIXELS = 512
"""Tiles are not enlarged beyond this."""


def tiles(x: Float[Tensor, "n c *space"], codec: Codec, *, min_side: int = 1) -> Tiles:
    """Turn samples into pictures, uint8.

    Args:
        x: samples in the model's range.
        codec: the codec of the data, whose range of values becomes black to white.
        min_side: small pictures are enlarged by a whole factor until both sides of a channel have this many pixels.

    Returns:
        Pictures [n, h, w] (grey) or [n, h, w, 3] (RGB).

    Raises:
        DataError: no samples, or points, which have no spatial axis.
    """
    axes = x.ndim - 2
    if not 1 <= axes <= 3 or x.shape[0] == 0:
        raise DataError(f"pictures: samples [n, c, *space] with one to three spatial axes wanted, got {tuple(x.shape)}")
    unit = codec.preview(x)
    if axes == 1:
        return _enlarged(np.stack([_drawing(sample) for sample in unit[:, :MAX_CHANNELS]]), min_side)
    if axes == 3:
        unit = unit[:, :, unit.shape[2] // 2]
    levels = np.rint(255 * unit).astype(np.uint8)
    if levels.shape[1] == 3:
        return _enlarged(levels.transpose(0, 2, 3, 1), min_side)
    shown = min(levels.shape[1], MAX_CHANNELS)
    return _beside([_enlarged(levels[:, channel], min_side, shown) for channel in range(shown)])


def side_by_side(x: Float[Tensor, "n c *space"]) -> bool:
    """Whether the channels of samples stand side by side in a tile."""
    return x.ndim > 3 and x.shape[1] not in (1, 3)


def _enlarged(pictures: Tiles, min_side: int, across: int = 1) -> UInt8[np.ndarray, "n *larger"]:
    """Repeat pixels; ``across`` such pictures will stand side by side."""
    height, width = pictures.shape[1:3]
    wanted = math.ceil(min_side / min(height, width))
    factor = max(1, min(wanted, LONGEST_SIDE_PIXELS // max(height, across * width)))
    return pictures.repeat(factor, axis=1).repeat(factor, axis=2)


def _beside(channels: Sequence[UInt8[np.ndarray, "n h w"]]) -> UInt8[np.ndarray, "n h wider"]:
    """Put channels next to each other with gaps between them."""
    gap = np.full((*channels[0].shape[:2], CHANNEL_GAP_PIXELS), GAP_GREY, dtype=np.uint8)
    parts = [part for channel in channels for part in (gap, channel)]
    return np.concatenate(parts[1:], axis=2)


def _drawing(channels: Float[np.ndarray, "c length"]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw values in [0, 1] over their position, 1 at the top."""
    size = (LINE_WIDTH_PIXELS * OVERSAMPLING, LINE_HEIGHT_PIXELS * OVERSAMPLING)
    left, right = MARGIN_PIXELS * OVERSAMPLING, size[0] - MARGIN_PIXELS * OVERSAMPLING
    top, bottom = MARGIN_PIXELS * OVERSAMPLING, size[1] - MARGIN_PIXELS * OVERSAMPLING
    canvas = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(canvas)
    for values, colour in zip(channels, PALETTE, strict=False):
        across = np.linspace(left, right, max(len(values), 2))
        down = bottom - (bottom - top) * (values if len(values) > 1 else values.repeat(2))
        draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=colour, width=OVERSAMPLING + 2)
    return np.asarray(canvas.resize((LINE_WIDTH_PIXELS, LINE_HEIGHT_PIXELS), Image.Resampling.LANCZOS))
