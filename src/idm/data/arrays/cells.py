"""Cells of a table of numbers: what is a number, what is missing, and what may name a class."""

import re
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Literal

MISSING = frozenset({"", "-", "?", ".", "na", "n/a", "#n/a", "nan", "nil", "none", "null", "missing"})
"""What stands in a cell without a value, in small letters."""

WHOLE = re.compile(r"[+-]?\d+")
WITH_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""What a number with one comma may be as well."""

GROUPED = re.compile(r"[+-]?\d{1,3}([., '\u2019\u00a0\u202f]\d{3})+([.,]\d+)?")
"""A number with marks between its thousands."""

Decimal = Literal["point", "comma"]
"""What stands between the whole part of a number and its fraction."""


def are_labels(cells: Sequence[str]) -> bool:
    """Whether there is a whole number in every cell, or a word in some and nothing missing in any."""
    numbers = [cell for cell in cells if is_number(cell)]
    return all(cells) and (len(numbers) < len(cells) or all(map(WHOLE.fullmatch, numbers)))


def count_rows(cells: Sequence[str]) -> bool:
    """Whether cells number the rows, from 0 or from 1."""
    return any(all(cell == str(row) for row, cell in enumerate(cells, first)) for first in (0, 1))


def _as_written(cell: str) -> str:
    return cell


def _with_point(cell: str) -> str:
    if "." in cell:
        raise ValueError(cell)  # beside decimal commas a point parts thousands
    return cell.replace(",", ".")


WRITTEN: dict[Decimal, Callable[[str], str]] = {"point": _as_written, "comma": _with_point}
"""What writes a number with a decimal point, by what it has in its place; a number of the other kind is refused."""


def _with_comma(number: float) -> str:
    return repr(number).replace(".", ",")


SPELLED: dict[Decimal, Callable[[float], str]] = {"point": repr, "comma": _with_comma}
"""What writes a number as ``WRITTEN`` takes it, without loss."""


def have_decimal_commas(cells: Iterable[str]) -> bool:
    """Whether numbers have decimal commas: in one at least it cannot part thousands, and no number has a point."""
    found = False
    for cell in map(str.strip, cells):
        if "." in cell and is_number(cell):
            return False
        found = found or (WITH_COMMA.fullmatch(cell) is not None and THOUSANDS.fullmatch(cell) is None)
    return found


def may_be_number(cell: str, *, commas: bool) -> bool:
    """Whether a cell is a number; with ``commas`` also one that has a decimal comma."""
    return is_number(cell) or (commas and WITH_COMMA.fullmatch(cell) is not None)


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
