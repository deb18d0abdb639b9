"""What is said of the range of data: one line each, with what to do."""

from typing import Any

import numpy as np

from idm.data.base import LEVELS
from idm.data.values.statistics import INNER_PERCENTILES, Channels, ValueStatistics
from idm.data.values.value_range import ValueRange

FAR_RATIO = 10
"""Values are far where all span more than this many times what the inner ones span."""

FEWEST_VALUES = 20
"""Fewest values of a channel of which any is called far."""

NARROW_CHANNEL = 1 / 16
"""A channel that fills less than this share of the range of all channels is called out."""

FEW_FLOATS = 256
"""Most different values of floats that are called out."""

OFTEN = 4
"""Fewest times, on average, that a value of floats which may be levels occurs."""

SMALLEST_PERCENT = 1e-4
"""A smaller share is written as less than this."""

SMALLEST_BITS = 5
"""Levels of fewer bits are told by their values alone."""

TO_TRAIN_ON = "train a run on "
"""How messages say that a wider range is for a run to come; where there is none, others say it in other words."""


def grid_in_words(dtype: np.dtype[Any], levels: int, low: int, high: int) -> str:
    """Write the levels of quantised data: "256 levels", "4,096 levels (12 of 16 bits)", "17 levels (0 to 16)"."""
    if LEVELS.get(dtype) == levels:
        return f"{levels:,} levels"
    bits, step = levels.bit_length() - 1, (high - low) // (levels - 1)
    if dtype in LEVELS and low == 0 and step == 1 and levels == 2**bits and bits > SMALLEST_BITS:
        return f"{levels:,} levels ({bits} of {8 * dtype.itemsize} bits)"
    steps = f" in steps of {step:,}" if step > 1 else ""
    return f"{levels:,} levels ({low:,} to {high:,}{steps})"


def grid_of(dtype: np.dtype[Any], chosen: ValueRange) -> str:
    """Write the levels of a range."""
    assert chosen.levels is not None
    return grid_in_words(dtype, chosen.levels, round(float(chosen.low[0])), round(float(chosen.high[0])))


def narrowed(dtype: np.dtype[Any], low: int, high: int, chosen: ValueRange) -> str:
    """Say that the data leave bits of their type unused, and what was chosen."""
    whole = LEVELS[dtype]
    return (
        f"data: the values, {low:,} to {high:,}, fill {percent((high - low) / (whole - 1))} of the range of "
        f"{dtype.name}, so {grid_of(dtype, chosen)} are trained on; data.range=type takes all {whole:,}"
    )


def little_used(dtype: np.dtype[Any], found: ValueStatistics, chosen: ValueRange, least: float) -> tuple[str, ...]:
    """Say that the data fill less than a share of the range that was asked for."""
    low, high = found.low.astype(np.float64).min(), found.high.astype(np.float64).max()
    first, last = chosen.low.min(), chosen.high.max()
    share = 0.5 * high / (0.5 * last - 0.5 * first) - 0.5 * low / (0.5 * last - 0.5 * first)
    if low == high or share >= least:
        return ()
    return (
        f"data: the values, {low:.10g} to {high:.10g}, fill {percent(share)} of the range {first:.10g} to "
        f"{last:.10g}, and {dtype.name} samples may be little but noise; data.range=values takes the values found",
    )


def constant(found: ValueStatistics) -> tuple[str, ...]:
    """Say that all values are one."""
    low, high = found.low.min(), found.high.max()
    if low != high:
        return ()
    return (f"data: every value is {low:g}, so that there is nothing to learn; choose data that differ",)


def clipped(found: ValueStatistics, low: Channels, high: Channels) -> tuple[str, ...]:
    """Say how many values lie outside a range that clips; limits are one number, or one per channel."""
    if np.all(found.low >= low) and np.all(found.high <= high):
        return ()
    share = found.share_outside(low, high)
    return (
        f"data: {percent(share) if share else 'a few'} of the values, which go from {found.low.min():.10g} to "
        f"{found.high.max():.10g}, lie outside of data.range and are clipped to it",
    )


def far_values(found: ValueStatistics, *, by_channel: bool) -> tuple[str, ...]:
    """Say that nearly all values lie in a small part of the range.

    Args:
        found: the values.
        by_channel: whether each channel has a range of its own.
    """
    if found.some.shape[1] < FEWEST_VALUES:
        return ()
    low, high = found.low.astype(np.float64), found.high.astype(np.float64)
    inner_low, inner_high = (limit.astype(np.float64) for limit in found.inner())
    if not by_channel:
        low, high, inner_low, inner_high = (
            np.atleast_1d(limit) for limit in (low.min(), high.max(), inner_low.min(), inner_high.max())
        )
    with np.errstate(over="ignore"):
        inner = 0.5 * inner_high - 0.5 * inner_low
        far = (inner > 0) & (0.5 * high - 0.5 * low > FAR_RATIO * inner)
    if not far.any():
        return ()
    channel = int(np.argmax(far))
    where = f" of channel {channel}" if by_channel and len(far) > 1 else ""
    most = f"{INNER_PERCENTILES[1] - INNER_PERCENTILES[0]:g} %"
    return (
        f"data: {most} of the values{where} lie from {inner_low[channel]:.6g} to {inner_high[channel]:.6g}, all from "
        f"{low[channel]:.6g} to {high[channel]:.6g}, so that nearly all become nearly the same; data.range=percentiles "
        "clips the rest, data.range=LOW,HIGH what you choose",
    )


def narrow_channels(found: ValueStatistics, chosen: ValueRange) -> tuple[str, ...]:
    """Say that a channel fills little of the range that all channels of quantised data have."""
    low, high = found.low.astype(np.float64), found.high.astype(np.float64)
    span = high - low
    narrow = (span > 0) & (span < NARROW_CHANNEL * 2 * chosen.scale[0])
    if len(low) == 1 or not narrow.any() or narrow.all():
        return ()
    channel = int(np.argmax(narrow))
    return (
        f"data: channel {channel} has values from {low[channel]:,.0f} to {high[channel]:,.0f} only, of "
        f"{chosen.low[0]:,.0f} to {chosen.high[0]:,.0f} for all channels; saved as float32, each channel has a range "
        "of its own",
    )


def in_steps(step: int, low: int, high: int, levels: int) -> tuple[str, ...]:
    """Say that the values lie further apart than the levels do."""
    apart = (high - low) // (levels - 1)
    if step <= max(apart, 1):
        return ()
    return (
        f"data: the values lie in steps of {step:,}; data.range=values takes {(high - low) // step + 1:,} levels, "
        f"data.range=auto {levels:,}",
    )


def in_few_floats(dtype: np.dtype[Any], distinct: int | None, count: int) -> tuple[str, ...]:
    """Say that ``count`` floats have so few values, each of them so often, that they may be levels."""
    if distinct is None or not 1 < distinct <= min(FEW_FLOATS, count // OFTEN):
        return ()
    return (
        f"data: {dtype.name} with {distinct:,} different values only; saved as integers they would be levels, with "
        "probabilities instead of densities",
    )


def percent(share: float) -> str:
    """Write a share with two digits, or three where there are two before the point: "0.39 %", "99.6 %"."""
    number = 100 * share
    if 0 < number < SMALLEST_PERCENT:
        return f"less than {SMALLEST_PERCENT:g} %"
    return f"{number:.3g} %" if number >= 10 else f"{number:.2g} %"
