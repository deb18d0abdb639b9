"""What headers of EDF and BDF files say of signals: units, and which values stored numbers are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from idm.data.metadata.base import Metadata, checked_numbers, checked_text

LONGEST_UNIT, LARGEST_DIGITAL = 8, 2**23
"""Characters of a unit, and the largest stored number, that of BDF."""

MOST_SIGNALS = 4_096

Range = tuple[float, float]
"""Smallest and largest number."""


@final
@dataclass(frozen=True)
class EdfMetadata(Metadata):
    """What is said of each signal.

    Attributes:
        of_signals: unit of each; "": none.
        physical: values of each that the ends of ``digital`` are.
        digital: smallest and largest stored number of each.
        are_stored: whether samples are stored numbers, and not values.
    """

    of_signals: tuple[str, ...]
    physical: tuple[Range, ...]
    digital: tuple[Range, ...]
    are_stored: bool = False

    def __post_init__(self) -> None:
        """Refuse what EDF cannot hold.

        Raises:
            ValueError: it cannot.
        """
        if not 0 < len(self.of_signals) == len(self.physical) == len(self.digital) <= MOST_SIGNALS:
            raise ValueError("metadata: a unit and two ranges for each signal wanted")
        if any(len(checked_text(unit)) > LONGEST_UNIT for unit in self.of_signals):
            raise ValueError(f"metadata: units of at most {LONGEST_UNIT} characters wanted")
        for low, high in self.physical:
            if not math.isfinite(low) or not math.isfinite(high) or low == high:
                raise ValueError("metadata: two different values wanted")
        for low, high in self.digital:
            if not (low.is_integer() and high.is_integer() and -LARGEST_DIGITAL <= low < high < LARGEST_DIGITAL):
                raise ValueError("metadata: two different stored numbers wanted")

    @property
    def units(self) -> tuple[str, ...] | None:
        """Those of the signals; stored numbers have none."""
        return None if self.are_stored else self.of_signals

    def beside(self, others: Metadata | None) -> "EdfMetadata":
        """Return the same with ranges that hold those of the others, too: a file's own may end at its values."""
        if not isinstance(others, EdfMetadata) or others.of_signals != self.of_signals or self.are_stored:
            return self
        return replace(self, physical=tuple(map(_both, self.physical, others.physical)))

    def of_pieces(self, shape: tuple[int, ...]) -> "EdfMetadata":
        """Return all: it holds at any time."""
        return self

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        ranges = {"physical": list(map(list, self.physical)), "digital": list(map(list, self.digital))}
        return {"units": list(self.of_signals), **ranges, "are_stored": self.are_stored}

    @classmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "EdfMetadata":
        """Restore what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of other channels.
        """
        units = tuple(map(checked_text, plain["units"][: MOST_SIGNALS + 1]))
        found = cls(units, _ranges(plain["physical"]), _ranges(plain["digital"]), plain["are_stored"] is True)
        if len(found.of_signals) != shape[0]:
            raise ValueError("metadata: as many signals as the samples have channels wanted")
        return found


def _both(own: Range, other: Range) -> Range:
    """Return a range that holds two, in the direction of the first; the first where it holds the other."""
    low, high = min(*own, *other), max(*own, *other)
    return (low, high) if own[0] < own[1] else (high, low)


def _ranges(plain: Sequence[Any]) -> tuple[Range, ...]:
    found: list[Range] = []
    for pair in plain[: MOST_SIGNALS + 1]:
        low, high = checked_numbers(pair, 2)
        found.append((low, high))
    return tuple(found)
