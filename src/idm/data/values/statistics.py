"""Per-channel statistics of a source, in passes of bounded memory, and what they say of levels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.base import Samples, Source

MAX_LEVELS = 65_536
"""Integer data of more levels are refused: the model's float32 cannot tell many more apart."""

AS_FLOATS = "save them as float32, which is treated as continuous"

MAX_INTEGER = 2**53
"""Integers beyond this are not exact in float64."""

INNER_PERCENTILES = (0.1, 99.9)
"""Percentiles between which the inner values lie."""

MOST_VALUES = 1 << 21
"""Most values, about, that percentiles are found from, of larger data drawn evenly from all with a fixed seed."""

VALUES_AT_ONCE = 65_536
"""Values of a block that are int64 at a time."""

Channels = NDArray[Any]
"""One number per channel, [c]."""

Enough = Callable[[Channels, Channels, int], bool]
"""Told the extremes so far and the number of samples that were read: whether to read no more."""


@dataclass(frozen=True, eq=False)
class ValueStatistics:
    """What the values of a source are; where reading stopped early, of the part that was read.

    Attributes:
        low: smallest value of each channel, [c].
        high: largest value of each channel, [c].
        some: all values, or as many as ``MOST_VALUES`` allows, drawn evenly, [c, k].
    """

    low: Channels
    high: Channels
    some: NDArray[Any]

    def inner(self) -> tuple[Channels, Channels]:
        """Values at the percentiles ``INNER_PERCENTILES`` of each channel.

        They are values that occur, without the outermost on each side. The largest of fewer than 1,000 values
        lies beyond the 99.9th percentile taken this way.
        """
        lower, upper = INNER_PERCENTILES
        ordered = self.some.astype(np.int8) if self.some.dtype.kind == "b" else self.some
        return (
            np.percentile(ordered, lower, axis=1, method="higher"),
            np.percentile(ordered, upper, axis=1, method="lower"),
        )

    def share_outside(self, low: Channels, high: Channels) -> float:
        """Share of the values that lie below ``low`` or above ``high``, each one number or one per channel."""
        return float(((self.some < _column(low)) | (self.some > _column(high))).mean())


def value_statistics(source: Source, enough: Enough | None = None) -> ValueStatistics:
    """Go through a source, to its end unless ``enough`` stops before."""
    rng = np.random.default_rng(0)
    share = min(1.0, MOST_VALUES / (len(source) * math.prod(source.shape)))
    lows, highs, some = [], [], []
    num_read = 0
    for block in source.blocks():
        values = _by_channel(block)
        lows.append(values.min(axis=1))
        highs.append(values.max(axis=1))
        some.append(values if share == 1.0 else values[:, _drawn(values.shape[1], share, rng)])
        num_read += len(block)
        if enough is not None and enough(np.min(lows, axis=0), np.max(highs, axis=0), num_read):
            break
    return ValueStatistics(np.min(lows, axis=0), np.max(highs, axis=0), np.concatenate(some, axis=1))


def extremes(source: Source) -> tuple[Channels, Channels]:
    """Smallest and largest value of each channel, in the dtype of the data."""
    found = value_statistics(source)
    return found.low, found.high


def mean_and_std(source: Source) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel, in float64.

    Raises:
        DataError: values so large or so small that their squares leave the range of float64.
    """
    low, high = (limit.astype(np.float64) for limit in extremes(source))
    count = len(source) * math.prod(source.shape[1:])
    mean, squares = np.zeros(source.shape[0]), np.zeros(source.shape[0])
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for values in map(_by_channel, source.blocks()):
            mean += values.sum(axis=1, dtype=np.float64) / count
        for values in map(_by_channel, source.blocks()):
            squares += ((values - mean[:, None]) ** 2).sum(axis=1) / count
    std = np.sqrt(squares)
    if not np.all((low == high) | (np.isfinite(std) & (std > 0))):
        raise DataError(
            f"data: values whose squares float64 can hold wanted, to be standardised, got {low.min():g} to "
            f"{high.max():g}; scale them by a power of ten, or set data.standardize=false"
        )
    return mean, std


def common_step(source: Source, low: int) -> int:
    """Largest number that divides the distance of every value of integer data from ``low``; 0 if there is no other."""
    step = 0
    for block in source.blocks():
        values = block.reshape(-1)
        for first in range(0, len(values), VALUES_AT_ONCE):  # the step is nearly always 1, which few values tell
            step = math.gcd(step, int(np.gcd.reduce(values[first : first + VALUES_AT_ONCE].astype(np.int64) - low)))
            if step == 1:
                return 1
    return step


def num_distinct(source: Source) -> int | None:
    """Count the different values; None where they are more than ``MAX_LEVELS``."""
    found = np.empty(0, dtype=source.dtype)
    for block in source.blocks():
        found = np.union1d(found, block)
        if len(found) > MAX_LEVELS:
            return None
    return len(found)


def num_levels(low: int, high: int, step: int = 1, *, advice: Callable[[], str] = lambda: AS_FLOATS) -> int:
    """Number of levels of integer data that go from ``low`` to ``high`` in steps.

    Args:
        low: smallest value.
        high: largest value.
        step: their distance from one another.
        advice: asked what to do where they are too many.

    Raises:
        DataError: too many, a single one, or integers that float64 does not hold.
    """
    if low == high:
        raise DataError(f"data: at least two different values wanted, got {low} everywhere; choose data that differ")
    if max(-low, high) > MAX_INTEGER:
        raise DataError(f"data: integers up to 2^53 wanted, got {low} to {high}; subtract a constant from them")
    levels = (high - low) // step + 1
    if levels > MAX_LEVELS:
        raise DataError(
            f"data: integers of at most {MAX_LEVELS:,} levels wanted, got {levels:,} (from {low:,} to {high:,}); "
            f"{advice()}"
        )
    return levels


def to_fewer_levels(source: Source, low: int, high: int, found: ValueStatistics) -> str:
    """Advise what to do with a source that has too many levels from ``low`` to ``high``, one apart."""
    step = common_step(source, low)
    levels = (high - low) // step + 1
    if levels <= MAX_LEVELS:
        return f"they lie in steps of {step:,}, so data.range=values makes {levels:,} of them"
    inner_low, inner_high = found.inner()
    low, high = int(inner_low.min()), int(inner_high.max())
    if 0 < high - low < MAX_LEVELS:
        return f"nearly all lie from {low:,} to {high:,}: data.range=percentiles clips the rest, or {AS_FLOATS}"
    return AS_FLOATS


def _by_channel(block: Samples) -> NDArray[Any]:
    """[n, c, *space] -> [c, n * space]."""
    return np.moveaxis(block, 1, 0).reshape(block.shape[1], -1)


def _drawn(count: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a share of ``count`` places, at least one."""
    return rng.integers(0, count, math.ceil(share * count))


def _column(limit: Channels) -> NDArray[Any]:
    return np.reshape(limit, (-1, 1))
