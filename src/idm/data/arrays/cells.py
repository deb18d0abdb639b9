"""Cells of a table of numbers: what is a number, what is missing, and what may name a class."""

import re
from collections.abc import Callable, Sequence
from math import isfinite

MISSING = frozenset({"", "-", "?", ".", "na", "n/a", "#n/a", "nan", "nil", "none", "null", "missing"})
"""What stands in a cell without a value, in small letters."""

WHOLE = re.compile(r"[+-]?\d+")


def are_labels(cells: Sequence[str]) -> bool:
    """Whether there is a whole number in every cell, or a word in some and nothing missing in any."""
    numbers = [cell for cell in cells if is_number(cell)]
    return all(cells) and (len(numbers) < len(cells) or all(map(WHOLE.fullmatch, numbers)))


def count_rows(cells: Sequence[str]) -> bool:
    """Whether cells number the rows, from 0 or from 1."""
    return any(all(cell == str(row) for row, cell in enumerate(cells, first)) for first in (0, 1))


def is_number(cell: str) -> bool:
    """Whether a cell is a number as files write it, NaN and infinity too."""
    return reads(_float, cell)


def _float(cell: str) -> float:
    if "_" in cell:
        raise ValueError(cell)  # digits in groups are no number in a file
    return float(cell)


def _finite(cell: str) -> float:
    number = _float(cell)
    if not isfinite(number):
        raise ValueError(cell)
    return number


def _whole(cell: str) -> int:
    if "_" in cell or not -(2**63) <= (number := int(cell)) < 2**63:
        raise ValueError(cell)
    return number


READERS: dict[str, Callable[[str], float]] = {"d": _finite, "q": _whole}
"""What reads a cell as a float or an integer of 64 bits, by the letter of the type; it refuses all else."""


def reads(read: Callable[[str], object], cell: str) -> bool:
    """Whether a cell is what one of ``READERS`` reads."""
    try:
        read(cell)
    except ValueError:
        return False
    return True
