"""Classes as people give them, in Python and on the command line: numbers, names, ranges."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex

from idm.core.counts import holds_several, whole_number
from idm.core.errors import DataError, SettingsError
from idm.core.text import nearest
from idm.data.file_names import composed

Labels = str | float | SupportsIndex | Iterable[Any]
"""Classes: one or several names or numbers, such as ["roses", 3], or a text such as "roses,0-2"; or, for a network that
is told numbers, these: [63.5, 20] or "age=63.5,dose=2;age=20", see ``ValueLabels``."""

NO_CLASS = "no class"
"""The name of a label that stands for none of the classes."""

LISTED = 5
"""Most classes that are named of those that a run lacks."""

FEW = 12
"""Most classes of a run that are named in a message."""

TOO_MANY_DIGITS = 7
"""Fewest digits of numbers that are no classes."""


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
        raise SettingsError(f"{option}: none wanted, this network was trained without classes, got {labels!r}")
    found: list[int] = []
    lines: list[str] = []
    number_of = _numbering(names)
    for part in _parts(labels, names, option):
        numbers = [number_of(piece) for piece in _spread(part, names)]
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers) > 0:
            found += known
        else:
            lines.append(f"{option}: {_wanted(part, names)}")
    if lines:
        raise SettingsError(*lines)
    if not found:
        raise SettingsError(f"{option}: at least one class wanted, got none; leave it out for all of them")
    return found


def _parts(labels: Labels, names: Sequence[str], option: str) -> list[str | int]:
    """Return labels one by one: a text in its parts, and whatever counts as an integer as one."""
    if isinstance(labels, str):
        return [labels] if labels in names else [part.strip() for part in labels.split(",")]
    listed = labels if holds_several(labels) else [labels]
    wanted = "names or numbers of classes"
    return [label if isinstance(label, str) else whole_number(label, option, wanted) for label in listed]


def _spread(part: str | int, names: Sequence[str]) -> Sequence[str | int]:
    """Write a range out, unless a class has that very name, or there are fewer classes."""
    if not isinstance(part, str):
        return [part]
    first, dash, last = part.partition("-")
    if part in names or not dash or not _is_number(first) or not _is_number(last):
        return [part]
    numbers = range(int(first), int(last) + 1)
    return [part] if len(numbers) > len(names) else [str(number) for number in numbers]


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < TOO_MANY_DIGITS


def _numbering(names: Sequence[str]) -> Callable[[str | int], int | None]:
    """Return what tells the number of a class, given by name or number; None if it is none."""
    exact = {name: row for row, name in reversed([*enumerate(names)])}
    alike = {composed(name): row for row, name in reversed([*enumerate(names)])}
    numbered = any(name.isdecimal() for name in names)  # then a number is a name, or a mistake

    def number(piece: str | int) -> int | None:
        if not isinstance(piece, str):
            return piece if 0 <= piece < len(names) else None
        row = exact.get(piece, alike.get(composed(piece)))
        if row is None and not numbered and _is_number(piece) and int(piece) < len(names):
            return int(piece)
        return row

    return number


def _wanted(part: str | int, names: Sequence[str]) -> str:
    if not isinstance(part, str):
        return f"a class from 0 to {len(names) - 1} wanted, got {part}"
    listed = ", ".join(names) if len(names) <= FEW else f"{names[0]}, {names[1]}, ..., {names[-1]}"
    near = "" if part.isdecimal() else nearest(part, names, cutoff=0.6)
    hint = f"; did you mean '{near}'?" if near else ""
    return f"one of the {len(names)} classes ({listed}) wanted, got '{part}'{hint}"


def number_names(where: object, names: Sequence[str], known: Sequence[str]) -> list[int]:
    """Number the classes of other data as a run does.

    Args:
        where: what messages call the data.
        names: names of the classes.
        known: names of the run's.

    Raises:
        DataError: classes that the run lacks.
    """
    number = {composed(name): row for row, name in enumerate(known)}
    lacking = [name for name in names if composed(name) not in number]
    if lacking:
        got, wanted = (", ".join(some[:LISTED]) + (", ..." if len(some) > LISTED else "") for some in (lacking, known))
        raise DataError(f"{where}: the run's {len(known)} classes ({wanted}) wanted, got {got}; name them alike")
    return [number[composed(name)] for name in names]


def name_labels(numbers: Sequence[int], names: Sequence[str] | None) -> list[str | None]:
    """Names of class numbers; None for the number that stands for no class."""
    known = names or ()
    return [known[number] if number < len(known) else None for number in numbers]
