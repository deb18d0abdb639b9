"""What becomes -1 and 1 in the model's range, and how many levels lie between."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from idm.data.values.statistics import Channels


@dataclass(frozen=True)
class ValueRange:
    """What becomes -1 to 1.

    Attributes:
        offset: data value at 0 in the model's range; one number, or one per channel.
        scale: data units per unit of the model's range, positive; one number, or one per channel.
        levels: number of levels; None for continuous data.
        bounded: whether all data lie in [-1, 1].
        clip: whether values beyond -1 and 1 are moved there.
        remarks: what is worth knowing before training, a line each.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    levels: int | None = None
    bounded: bool = True
    clip: bool = False
    remarks: tuple[str, ...] = ()

    @classmethod
    def of_levels(cls, levels: int, low: int = 0, step: int = 1, *, clip: bool = False) -> "ValueRange":
        """Return the range of the levels low, low + step, ..., low + (levels - 1) step."""
        half = 0.5 * (levels - 1) * step
        return cls((low + half,), (half,), levels, clip=clip)

    @classmethod
    def between(cls, low: Channels, high: Channels, *, clip: bool = False) -> "ValueRange":
        """Return the range of continuous data from ``low`` to ``high``."""
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        return cls._continuous(0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low, clip=clip)

    @classmethod
    def standardised(cls, mean: Channels, std: Channels) -> "ValueRange":
        """Return the range of continuous data of that mean and standard deviation, which has no bounds."""
        return cls._continuous(mean, std, bounded=False)

    @classmethod
    def _continuous(
        cls, offset: Channels, scale: Channels, *, bounded: bool = True, clip: bool = False
    ) -> "ValueRange":
        usable = np.where(scale > 0, scale, 1.0)  # a constant channel becomes 0
        return cls(tuple(offset.tolist()), tuple(usable.tolist()), None, bounded, clip)

    @property
    def low(self) -> Channels:
        """Data value at -1."""
        return np.subtract(self.offset, self.scale)

    @property
    def high(self) -> Channels:
        """Data value at 1."""
        return np.add(self.offset, self.scale)


def ends_of_type(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the smallest and the largest value of a dtype of integers, or of truth values."""
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
