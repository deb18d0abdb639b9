"""Stored numbers that stand for others by a scale and an offset, and some of them for no value at all."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHOLE = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"))
"""Dtypes of whole numbers, the smallest first."""

WRAPS_AT = 2**64


@dataclass(frozen=True)
class Packing:
    """What stored numbers stand for: value = scale * stored + offset.

    Whole scales and offsets make whole numbers of whole ones, exactly, in the smallest dtype that holds whatever may be
    stored: 16 bits and 32,768 make uint16. All others make float64. What is stored unscaled keeps its dtype.

    Attributes:
        stored: dtype of what is stored, in the machine's byte order.
        scale: what the stored number is multiplied by, finite and not 0.
        offset: what is added then, finite.
        blanks: stored numbers that stand for no value; NaN always does.
        low: smallest stored number that stands for a value; None: any.
        high: the largest such.
    """

    stored: np.dtype[Any]
    scale: float = 1.0
    offset: float = 0.0
    blanks: tuple[int | float, ...] = ()
    low: int | float | None = None
    high: int | float | None = None

    def __post_init__(self) -> None:
        """Refuse what stands for nothing.

        Raises:
            ValueError: a scale of 0, or one that is not finite.
        """
        if not (math.isfinite(self.scale) and math.isfinite(self.offset) and self.scale):
            raise ValueError(f"a scale that is not 0 and an offset wanted, got {self.scale} and {self.offset}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the values."""
        if self._is_plain:
            return self.stored
        if self.stored.kind not in "iu" or not (self.scale.is_integer() and self.offset.is_integer()):
            return np.dtype(np.float64)
        kept = np.iinfo(self.stored)
        low = kept.min if self.low is None else max(kept.min, math.ceil(self.low))
        high = kept.max if self.high is None else min(kept.max, math.floor(self.high))
        ends = [int(self.scale) * end + int(self.offset) for end in (low, high)]
        fitting = (dtype for dtype in WHOLE if np.iinfo(dtype).min <= min(ends) <= max(ends) <= np.iinfo(dtype).max)
        return next(fitting, np.dtype(np.float64))

    @property
    def may_miss(self) -> bool:
        """Whether some numbers may stand for no value."""
        limited = self.low is not None or self.high is not None
        return self.stored.kind in "fc" or bool(self.blanks) or limited

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return what stored numbers stand for, in ``dtype``; what stands for no value comes through somehow."""
        if self._is_plain:
            return stored.astype(self.stored)
        if self.dtype.kind == "f":
            return stored.astype(np.float64) * self.scale + self.offset
        scale, offset = (np.uint64(int(number) % WRAPS_AT) for number in (self.scale, self.offset))
        return (stored.astype(np.uint64) * scale + offset).astype(self.dtype)  # modulo 2^64, where all of them are

    def missing(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where stored numbers stand for no value."""
        found = np.isnan(stored) if stored.dtype.kind in "fc" else np.zeros(stored.shape, np.bool_)
        for blank in self.blanks:
            found |= stored == blank
        if self.low is not None:
            found |= stored < self.low
        if self.high is not None:
            found |= stored > self.high
        return found

    @property
    def _is_plain(self) -> bool:
        return (self.scale, self.offset) == (1, 0)
