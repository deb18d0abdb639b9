"""The range of the values of data, and which range training would take."""

import math
from dataclasses import dataclass
from typing import Any

from idm.data.base import LEVELS, Source
from idm.data.codec import Codec
from idm.data.values.ranges import RangeRule, find_range, rule_in_words
from idm.data.values.statistics import common_step, extremes, num_distinct
from idm.data.values.words import in_few_floats, in_steps, percent


@dataclass(frozen=True)
class ValuesFound:
    """What the values of data are, and what becomes -1 to 1.

    Attributes:
        low: smallest value of all.
        high: largest value of all.
        distinct: number of different values; None where they are more than 65,536.
        share: share of the range of their type that they span; None for types whose range no data fill.
        rule: the setting that says so: "data.range=auto".
        codec: what training would take.
        remarks: what is worth knowing of it.
    """

    low: int | float
    high: int | float
    distinct: int | None
    share: float | None
    rule: str
    codec: Codec
    remarks: tuple[str, ...]

    @property
    def words(self) -> str:
        """Write the values in a line: "0 to 1, 2 different, 0.39 % of the range of uint8"."""
        different = f", {self.distinct:,} different" if self.distinct is not None else ""
        share = "" if self.share is None else f", {percent(self.share)} of the range of {self.codec.dtype}"
        return f"{self.low:g} to {self.high:g}{different}{share}"

    @property
    def choice(self) -> str:
        """Write what training would take, and at whose word."""
        return f"{self.codec.words} ({self.rule})"

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "distinct": self.distinct,
            "share_of_type": self.share,
            "rule": self.rule,
            "codec": self.codec.to_dict(),
            "grid": self.codec.grid,
            "remarks": list(self.remarks),
        }


def look_at_values(source: Source, rule: RangeRule = "auto", *, standardize: bool = False) -> ValuesFound:
    """Go through all values of a source, and choose their range as training would.

    Raises:
        SettingsError, DataError: as ``find_range``.
    """
    chosen = find_range(source, rule, standardize=standardize)
    lows, highs = extremes(source)
    low, high, distinct = lows.min().item(), highs.max().item(), num_distinct(source)
    remarks = chosen.remarks
    if source.dtype.kind == "f":
        remarks += in_few_floats(source.dtype, distinct, len(source) * math.prod(source.shape))
    elif chosen.levels is not None and not chosen.clip:
        remarks += in_steps(common_step(source, int(low)), low, high, chosen.levels)
    levels = LEVELS.get(source.dtype)
    share = None if levels is None else (int(high) - int(low)) / (levels - 1)
    told = "data.standardize=true" if standardize else f"data.range={rule_in_words(rule)}"
    return ValuesFound(low, high, distinct, share, told, Codec.of(source.dtype.name, chosen), remarks)
