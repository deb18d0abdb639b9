"""Text from elsewhere, made fit to be shown: names, paths and notes may hold what a terminal would act on.

What is not printable is written out as an escape, as Python and JSON write it: control characters, which begin the
escape sequences of terminals, marks that change the direction of reading, line breaks, halves of surrogate pairs.
"""

import json
from collections.abc import Callable
from typing import Any


def printable(text: str) -> str:
    r"""Return text on one line, with a ``\x1b`` in place of an escape character, and so on."""
    return _written_out(text, lambda c: c.encode("unicode_escape").decode("ascii"))


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


def _written_out(text: str, escape: Callable[[str], str]) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else escape(c) for c in text)
