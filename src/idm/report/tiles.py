"""One small picture per sample, for data with one to three spatial axes and any number of channels.

Two axes: grey for one channel, RGB for three, else the channels side by side in grey. Three axes: the same for the
middle slice along the first spatial axis. One axis: a line drawing with one colour per channel. Points have no tile;
``figures.scatter`` shows them.
"""

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
"""Further channels are not shown."""

LINE_WIDTH, LINE_HEIGHT = 96, 64
"""Size of the drawing of a sample with one spatial axis, in pixels."""

OVERSAMPLING = 4
"""Lines are drawn this many times larger, then reduced, so that they come out smooth."""

MARGIN = 4
"""Empty pixels around a line drawing."""


def tiles(x: Float[Tensor, "n c *space"], codec: Codec) -> Tiles:
    """Turn samples into pictures, uint8.

    Args:
        x: samples in the model's range.
        codec: the codec of the data, whose range of values becomes black to white.

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
        return np.stack([_drawing(sample) for sample in unit[:, :MAX_CHANNELS]])
    if axes == 3:
        unit = unit[:, :, unit.shape[2] // 2]
    levels = np.rint(255 * unit).astype(np.uint8)
    if levels.shape[1] == 3:
        return levels.transpose(0, 2, 3, 1)
    return np.concatenate([levels[:, channel] for channel in range(min(levels.shape[1], MAX_CHANNELS))], axis=2)


def _drawing(channels: Float[np.ndarray, "c length"]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw values in [0, 1] over their position, 1 at the top."""
    size = (LINE_WIDTH * OVERSAMPLING, LINE_HEIGHT * OVERSAMPLING)
    left, right = MARGIN * OVERSAMPLING, size[0] - MARGIN * OVERSAMPLING
    top, bottom = MARGIN * OVERSAMPLING, size[1] - MARGIN * OVERSAMPLING
    canvas = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(canvas)
    for values, colour in zip(channels, PALETTE, strict=False):
        across = np.linspace(left, right, max(len(values), 2))
        down = bottom - (bottom - top) * (values if len(values) > 1 else values.repeat(2))
        draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=colour, width=OVERSAMPLING + 2)
    return np.asarray(canvas.resize((LINE_WIDTH, LINE_HEIGHT), Image.Resampling.LANCZOS))
