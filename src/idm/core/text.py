"""Text from elsewhere, made fit to be shown: names, paths and notes may hold what a terminal would act on.

What is not printable is written out as an escape, as Python and JSON write it: control characters, which begin the
escape sequences of terminals, marks that change the direction of reading, line breaks, halves of surrogate pairs.
"""

import difflib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from reprlib import Repr
from typing import Any

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 20


def printable(text: str) -> str:
    r"""Return text on one line, with a ``\x1b`` in place of an escape character, and so on."""
    return _written_out(text, lambda c: c.encode("unicode_escape").decode("ascii"))


def shown(value: Any) -> str:
    """Return a value as Python writes it, shortened if it is long or nested."""
    return _SHORT.repr(value)


def json_text(
    values: Any,
    *,
    indent: int | None = None,
    allow_nan: bool = True,
    default: Callable[[Any], Any] | None = None,
) -> str:
    """Return values as JSON whose words are readable, and hold printable characters alone.

    Arguments are those of ``json.dumps``.

    Raises:
        ValueError: a number is not finite, and that is not allowed.
    """
    lines = json.dumps(values, indent=indent, ensure_ascii=False, allow_nan=allow_nan, default=default).split("\n")
    return "\n".join(_written_out(line, lambda c: json.dumps(c)[1:-1]) for line in lines)


def one_line(error: Exception) -> str:
    """Return what an error says, in one line; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def counted(number: int, noun: str) -> str:
    """Write a number and what it counts: 1 file, 1,200 files, 2 classes."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{'' if number == 1 else ending}"


def nearest(name: str, known: Iterable[str], cutoff: float) -> str:
    """Return the known name that is most like one, first of all one of the same letters; "" if none is like it.

    Args:
        name: the name.
        known: names that there are.
        cutoff: how like they must be, from 0, not at all, to 1, the same.
    """
    names = list(known)
    same_letters = [other for other in names if sorted(other) == sorted(name)]
    return next(iter(difflib.get_close_matches(name, same_letters or names, n=1, cutoff=cutoff)), "")


def in_quotes(text: str) -> str:
    """Put a command between quotes that it does not hold itself, where there are such."""
    mark = next((mark for mark in "'\"`" if mark not in text), "")
    return f"{mark}{text}{mark}"


def _written_out(text: str, escape: Callable[[str], str]) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else escape(c) for c in text)


def finite(values: Any) -> Any:
    """Return nested values with None in place of NaN and infinity, which JSON does not have."""
    if isinstance(values, dict):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


MOST_LISTED = 16
"""Most names that are listed one by one."""


def in_counts(names: Sequence[str]) -> str:
    """List names; longer lists by how often each is there, the most frequent first: 338 of no class."""
    if len(names) <= MOST_LISTED:
        return ", ".join(names)
    counts = Counter(names).most_common()
    more = f", and {len(counts) - MOST_LISTED:,} others" if len(counts) > MOST_LISTED else ""
    return ", ".join(f"{count:,} of {name}" for name, count in counts[:MOST_LISTED]) + more
