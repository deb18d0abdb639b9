"""One small picture per image: grey for one channel, RGB for three, else the channels side by side in grey with gaps.

Other kinds of data have pictures of their own, see ``kinds``.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from idm.core.errors import DataError
from idm.data import Codec

Tiles = UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w 3"]
"""Grey or RGB pictures."""

MAX_CHANNELS = 8
"""Most channels that are shown."""

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
        DataError: no samples, or what are no images.
    """
    if x.ndim != 4 or x.shape[0] == 0:
        raise DataError(f"pictures: images [n, c, h, w] wanted, got {tuple(x.shape)}; picture_for draws other data")
    unit = codec.preview(x)
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
