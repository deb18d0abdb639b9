"""Classes as people give them, in Python and on the command line: numbers, names, ranges."""

import difflib
import operator
from collections.abc import Iterable, Sequence
from typing import SupportsIndex

from torch import Tensor

from idm.core.errors import SettingsError
from idm.data.file_names import composed

Labels = str | int | Iterable[int | str] | Tensor
"""Classes: one or several names or numbers, such as ["roses", 3], or a text such as "roses,0-2"."""

FEW = 12
"""Up to this many classes are named in a message."""

LONG = 7
"""Numbers of so many digits are no classes."""


def class_numbers(labels: Labels | None, names: Sequence[str] | None, option: str = "labels") -> list[int] | None:
    """Turn classes by name or number into their numbers.

    A text is taken apart at commas, unless a class has that very name, and may hold ranges such as "0-4". In a text a
    name counts before a number; an integer is always a number.

    Args:
        labels: as given; None where nothing was asked for.
        names: names of the classes; None for a network without classes.
        option: what to call the labels in messages.

    Raises:
        SettingsError: one line per part that is no class.
    """
    if labels is None:
        return None
    if names is None:
        raise SettingsError(f"{option}: none wanted, this network was trained without classes, got {_shown(labels)}")
    found: list[int] = []
    lines: list[str] = []
    for part in _parts(labels, names):
        numbers = [_number(piece, names) for piece in _spread(part, names)]
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers) > 0:
            found += known
        else:
            lines.append(f"{option}: {_wanted(part, names)}")
    if lines:
        raise SettingsError(*lines)
    if not found:
        raise SettingsError(f"{option}: at least one class wanted, got none; leave {option} out for all of them")
    return found


def _parts(labels: Labels, names: Sequence[str]) -> list[str | int]:
    """Return labels one by one: a text in its parts, and whatever counts as an integer as one."""
    if isinstance(labels, str):
        return [labels] if labels in names else [part.strip() for part in labels.split(",")]
    several = [labels] if isinstance(labels, int) else labels
    return [label if isinstance(label, str) else _integer(label) for label in several]


def _integer(label: SupportsIndex) -> int:
    try:
        return operator.index(label)
    except TypeError as error:
        raise SettingsError(f"labels: names or numbers of classes wanted, got {label!r}") from error


def _shown(labels: Labels) -> str:
    return f"'{labels}'" if isinstance(labels, (str, int)) else str([*labels])


def _spread(part: str | int, names: Sequence[str]) -> Sequence[str | int]:
    """Write a range out, unless a class has that very name."""
    if not isinstance(part, str):
        return [part]
    first, dash, last = part.partition("-")
    if part in names or not dash or not _is_number(first) or not _is_number(last):
        return [part]
    return [str(number) for number in range(int(first), int(last) + 1)]


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < LONG


def _number(piece: str | int, names: Sequence[str]) -> int | None:
    if not isinstance(piece, str):
        return piece if 0 <= piece < len(names) else None
    if piece in names:
        return names.index(piece)
    alike = [row for row, name in enumerate(names) if composed(name) == composed(piece)]
    if alike:
        return alike[0]
    numbered = any(name.isdecimal() for name in names)  # then a number is a name, or a mistake
    return int(piece) if not numbered and _is_number(piece) and int(piece) < len(names) else None


def _wanted(part: str | int, names: Sequence[str]) -> str:
    if not isinstance(part, str):
        return f"a class from 0 to {len(names) - 1} wanted, got {part}"
    listed = ", ".join(names) if len(names) <= FEW else f"{names[0]}, {names[1]}, ..., {names[-1]}"
    near = [] if part.isdecimal() else difflib.get_close_matches(part, names, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"one of the {len(names)} classes ({listed}) wanted, got '{part}'{hint}"


def name_labels(numbers: Sequence[int], names: Sequence[str] | None) -> list[str | None]:
    """Names of class numbers; None for the number that stands for no class."""
    known = names or ()
    return [known[number] if number < len(known) else None for number in numbers]
