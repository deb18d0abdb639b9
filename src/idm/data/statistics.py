"""Per-channel statistics of a source, in one or two passes of bounded memory, and what they say of levels."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.base import Samples, Source

MAX_LEVELS = 65_536
"""Integer data of more levels are refused: the model's float32 cannot tell many more apart."""

MAX_INTEGER = 2**53
"""Integers beyond this are not exact in float64."""

Channels = NDArray[Any]
"""One number per channel, [c]."""


def extremes(source: Source) -> tuple[Channels, Channels]:
    """Smallest and largest value of each channel, in the dtype of the data."""
    pairs = [(values.min(axis=1), values.max(axis=1)) for values in map(_by_channel, source.blocks())]
    lows, highs = zip(*pairs, strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def mean_and_std(source: Source) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel, in float64."""
    count = len(source) * math.prod(source.shape[1:])
    mean, squares = np.zeros(source.shape[0]), np.zeros(source.shape[0])
    for values in map(_by_channel, source.blocks()):
        mean += values.sum(axis=1, dtype=np.float64) / count
    for values in map(_by_channel, source.blocks()):
        squares += ((values - mean[:, None]) ** 2).sum(axis=1) / count
    return mean, np.sqrt(squares)


def _by_channel(block: Samples) -> NDArray[Any]:
    """[n, c, *space] -> [c, n * space]."""
    return np.moveaxis(block, 1, 0).reshape(block.shape[1], -1)


def num_levels(low: int, high: int) -> int:
    """Number of levels of integer data that go from ``low`` to ``high``.

    Raises:
        DataError: too many, a single one, or integers that float64 does not hold.
    """
    levels = high - low + 1
    if levels < 2:
        raise DataError(f"data: at least two different values wanted, got {low} everywhere")
    if max(-low, high) > MAX_INTEGER:
        raise DataError(f"data: integers up to 2^53 wanted, got {low} to {high}; subtract a constant from them")
    if levels > MAX_LEVELS:
        raise DataError(
            f"data: integers of at most {MAX_LEVELS:,} levels wanted, got {levels:,} (from {low:,} to {high:,}); "
            "save them as float32, which is treated as continuous"
        )
    return levels
