"""Classes on the command line: numbers, names, ranges."""

import difflib
from collections.abc import Sequence

from idm.core.errors import SettingsError

FEW = 12
"""Up to this many classes are named in a message."""

LONG = 7
"""Numbers of so many digits are no classes."""


def parse_labels(text: str | None, names: Sequence[str] | None, option: str = "labels") -> list[int] | None:
    """Turn "cat,dog", "0,3" or "0-4" into class numbers; a name counts before a number.

    Args:
        text: as given; None where the option was not used.
        names: names of the classes; None for a network without classes.
        option: what to call it in messages.

    Raises:
        SettingsError: one line per part that is no class.
    """
    if text is None:
        return None
    if names is None:
        raise SettingsError(f"{option}: none wanted, this network was trained without classes, got '{text}'")
    found: list[int] = []
    lines: list[str] = []
    for part in (piece.strip() for piece in text.split(",")):
        numbers = [_number(piece, names) for piece in _spread(part, names)]
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers) > 0:
            found += known
        else:
            lines.append(f"{option}: {_wanted(part, names)}")
    if lines:
        raise SettingsError(*lines)
    return found


def _spread(part: str, names: Sequence[str]) -> list[str]:
    """Write a range out, unless a class has that very name."""
    first, dash, last = part.partition("-")
    if part in names or not dash or not _is_number(first) or not _is_number(last):
        return [part]
    return [str(number) for number in range(int(first), int(last) + 1)]


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < LONG


def _number(piece: str, names: Sequence[str]) -> int | None:
    if piece in names:
        return names.index(piece)
    numbered = any(name.isdecimal() for name in names)  # then a number is a name, or a mistake
    return int(piece) if not numbered and _is_number(piece) and int(piece) < len(names) else None


def _wanted(part: str, names: Sequence[str]) -> str:
    listed = ", ".join(names) if len(names) <= FEW else f"{names[0]}, {names[1]}, ..., {names[-1]}"
    near = [] if part.isdecimal() else difflib.get_close_matches(part, names, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"one of the {len(names)} classes ({listed}) wanted, got '{part}'{hint}"


def name_labels(numbers: Sequence[int], names: Sequence[str] | None) -> list[str | None]:
    """Names of class numbers; None for the number that stands for no class."""
    known = names or ()
    return [known[number] if number < len(known) else None for number in numbers]
