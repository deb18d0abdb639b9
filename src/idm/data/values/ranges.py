"""Which values of the data become -1 and 1 in the model's range, and what is worth saying of them.

Data that fill a small part of that range train into noise: pictures of 0 and 1 among 256 levels differ by less than
the noise of the last steps. So ``auto`` takes fewer levels where whole bits of the type are unused. It never clips.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from idm.core.errors import DataError, SettingsError
from idm.data.base import CACHE_BYTES, LEVELS, Source
from idm.data.values.statistics import (
    INNER_PERCENTILES,
    Channels,
    ValueStatistics,
    common_step,
    mean_and_std,
    num_levels,
    to_fewer_levels,
    value_statistics,
)
from idm.data.values.value_range import ValueRange, ends_of_type
from idm.data.values.words import clipped, constant, far_values, little_used, narrow_channels, narrowed

RangeRule = Literal["auto", "type", "values", "percentiles"] | tuple[int | float, int | float]
"""``auto``: fewer levels than the type has where the data leave whole bits of it unused; else as ``type``.
``type``: all levels of booleans and of 8- and 16-bit unsigned integers; of other types from the smallest to the
largest value. ``values``: the levels that the data are on; smallest to largest value of continuous data.
``percentiles``: from the 0.1th to the 99.9th percentile, of continuous data by channel; what lies beyond is clipped.
Two numbers: from the one to the other; what lies beyond is clipped.
"""

FEW_LEVELS = 32
"""Where the largest value is below this it is taken for the largest that there is; else more may come, up to whole
bits."""

LITTLE_USED = 1 / 8
"""Data that fill less than this share of a range that was asked for are called out."""


def find_range(source: Source, rule: RangeRule = "auto", *, standardize: bool = False) -> ValueRange:
    """Choose the range of a source: a function of its dtype, levels and, where these do not decide, values.

    ``type`` reads nothing where the dtype decides. ``auto`` reads until it is known that the whole range of the type
    is needed, which is soon where it is; all other rules read all data, once or twice.

    Args:
        source: the data, held-out samples included.
        rule: see ``RangeRule``.
        standardize: scale continuous data to mean 0 and standard deviation 1 per channel instead.

    Raises:
        SettingsError: no rule; ``standardize`` with quantised data; two numbers that do not suit the dtype.
        DataError: integers that span too many levels, or a single one; nothing between the percentiles; values too
            large or too small to be standardised.
    """
    check_rule(rule)
    continuous = source.dtype.kind == "f"
    if standardize and not continuous:
        raise SettingsError(
            f"standardize: continuous data wanted, got {source.dtype.name}, whose levels need no scaling; "
            "set data.standardize=false or convert the data to floats"
        )
    if standardize:
        return ValueRange.standardised(*mean_and_std(source))
    if isinstance(rule, str):
        return (OF_VALUES if continuous else OF_LEVELS)[rule](source)
    low, high = map(float, rule)
    return (_given_values if continuous else _given_levels)(source, low, high)


def check_rule(rule: RangeRule) -> None:
    """Refuse what is no rule.

    Raises:
        SettingsError: another word, or not two finite numbers of which the first is smaller.
    """
    if isinstance(rule, str):
        known = rule in OF_LEVELS
    else:
        known = len(rule) == 2 and all(map(math.isfinite, rule)) and rule[0] < rule[1]
    if not known:
        words = ", ".join(OF_LEVELS)
        raise SettingsError(f"range: {words} or two numbers, the smaller first, wanted, got {rule_in_words(rule)}")


def refuse_two_scales(rule: RangeRule, *, standardize: bool) -> None:
    """Refuse a range of data that are standardised instead.

    Raises:
        SettingsError: as said.
    """
    if standardize and rule not in ("auto", "type"):
        raise SettingsError(
            f"range: auto wanted where standardize=true scales the data, got {rule_in_words(rule)}; "
            "leave out one of them"
        )


def rule_in_words(rule: RangeRule) -> str:
    """Write a rule as it is written after ``--set data.range=``."""
    return rule if isinstance(rule, str) else ",".join(f"{limit:.16g}" for limit in rule)


def _extent(source: Source) -> ValueRange:
    found = value_statistics(source)
    return _with_remarks(ValueRange.between(found.low, found.high), found, *far_values(found, by_channel=True))


def _inner(source: Source) -> ValueRange:
    found = value_statistics(source)
    low, high = found.inner()
    _refuse_flat(bool(((low == high) & (found.low < found.high)).any()))
    return _with_remarks(ValueRange.between(low, high, clip=True), found, *clipped(found, low, high))


def _given_values(source: Source, low: float, high: float) -> ValueRange:
    limit = float(np.finfo(source.dtype).max)
    if low < -limit or high > limit:
        raise SettingsError(f"data.range: numbers that {source.dtype.name} can hold wanted, got {low:g} and {high:g}")
    found = value_statistics(source, _is_plenty(source))
    chosen = ValueRange.between(np.array([low]), np.array([high]), clip=True)
    return _with_remarks(chosen, found, *clipped(found, np.array(low), np.array(high)), *_used(source, found, chosen))


def _auto(source: Source) -> ValueRange:
    """Take the first of: all levels, those of whole bits, those between the extremes, that the data fill by half."""
    if not _may_be_narrower(source):
        chosen = _type(source)
        return chosen if source.levels is None else _with_remarks(chosen, value_statistics(source, _differ))
    assert source.levels is not None
    top = source.levels - 1
    found = value_statistics(source, lambda low, high, _: 2 * (int(high.max()) - int(low.min())) > top)
    low, high = int(found.low.min()), int(found.high.max())
    whole = high if high < FEW_LEVELS else 2 ** high.bit_length() - 1
    remarks = far_values(found, by_channel=False)
    if low == high or 2 * (high - low) > top:
        chosen = ValueRange.of_levels(source.levels)
    else:
        fits = 2 * (high - low) >= whole
        chosen = ValueRange.of_levels(whole + 1) if fits else ValueRange.of_levels(num_levels(low, high), low)
        remarks = (narrowed(source.dtype, low, high, chosen), *remarks)
    return _with_remarks(chosen, found, *remarks, *narrow_channels(found, chosen))


def _type(source: Source) -> ValueRange:
    if source.levels is None:
        found = value_statistics(source)
        low, high = int(found.low.min()), int(found.high.max())
        levels = num_levels(low, high, advice=lambda: to_fewer_levels(source, low, high, found))
        chosen = ValueRange.of_levels(levels, low)
        return _with_remarks(chosen, found, *far_values(found, by_channel=False), *narrow_channels(found, chosen))
    return ValueRange.of_levels(source.levels)


def _values(source: Source) -> ValueRange:
    found = value_statistics(source)
    low, high = int(found.low.min()), int(found.high.max())
    step = common_step(source, low) or 1  # a single value is refused below
    chosen = ValueRange.of_levels(num_levels(low, high, step), low, step)
    return _with_remarks(chosen, found, *far_values(found, by_channel=False), *narrow_channels(found, chosen))


def _inner_levels(source: Source) -> ValueRange:
    found = value_statistics(source)
    inner_low, inner_high = found.inner()
    low, high = int(inner_low.min()), int(inner_high.max())
    _refuse_flat(low == high and bool((found.low < found.high).any()))
    chosen = ValueRange.of_levels(num_levels(low, high), low, clip=True)
    return _with_remarks(chosen, found, *clipped(found, np.array(low), np.array(high)), *narrow_channels(found, chosen))


def _given_levels(source: Source, low: float, high: float) -> ValueRange:
    least, most = ends_of_type(source.dtype)
    if not (low.is_integer() and high.is_integer() and least <= low and high <= most):
        raise SettingsError(
            f"data.range: whole numbers from {least:,} to {most:,} wanted for {source.dtype.name}, "
            f"got {low:.16g} and {high:.16g}"
        )
    found = value_statistics(source, _is_plenty(source))
    chosen = ValueRange.of_levels(num_levels(int(low), int(high)), int(low), clip=True)
    return _with_remarks(chosen, found, *clipped(found, np.array(low), np.array(high)), *_used(source, found, chosen))


Rules = Mapping[str, Callable[[Source], ValueRange]]
OF_VALUES: Rules = {"auto": _extent, "type": _extent, "values": _extent, "percentiles": _inner}
OF_LEVELS: Rules = {"auto": _auto, "type": _type, "values": _values, "percentiles": _inner_levels}


def _may_be_narrower(source: Source) -> bool:
    """Whether the levels are those of a wide type, and not told by a source that knows better."""
    return source.dtype.kind == "u" and source.levels is not None and source.levels == LEVELS.get(source.dtype)


def _differ(low: Channels, high: Channels, _: int) -> bool:
    """Stop looking after two values."""
    return bool(low.min() < high.max())


def _is_plenty(source: Source) -> Callable[[object, object, int], bool]:
    """Stop looking after as much as is kept in memory."""
    return lambda low, high, num_read: num_read * source.sample_bytes >= CACHE_BYTES


def _used(source: Source, found: ValueStatistics, chosen: ValueRange) -> tuple[str, ...]:
    return little_used(source.dtype, found, chosen, LITTLE_USED)


def _refuse_flat(flat: bool) -> None:
    if flat:
        low, high = INNER_PERCENTILES
        raise DataError(
            f"data: different values at the percentiles {low} and {high} wanted, got equal ones; set data.range=values"
            ", or two numbers"
        )


def _with_remarks(chosen: ValueRange, found: ValueStatistics, *remarks: str) -> ValueRange:
    return replace(chosen, remarks=constant(found) + remarks)
