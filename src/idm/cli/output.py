"""What verbs print: lines for people, or one JSON object for programs.

Everything that a verb says on standard output passes here, and comes out without what a terminal would act on.
"""

import json
import os
import shlex
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from idm.core.launch import rank
from idm.core.text import json_text, printable

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 120


class Output:
    """Standard output of one verb."""

    def __init__(self, *, as_json: bool = False) -> None:
        """Print text, or nothing but the JSON of ``finish``; of several processes only the first prints."""
        self.as_json, self._prints = as_json, rank() == 0

    def line(self, text: str = "") -> None:
        """Print a line for people."""
        if self._is_for_people:
            print(printable(text), flush=True)

    def pairs(self, rows: Mapping[str, object]) -> None:
        """Print names and values in two columns; long values go on below themselves, words and paths stay whole."""
        if not self._is_for_people or not rows:
            return
        width = max(map(len, rows)) + 2
        for name, value in rows.items():
            self.columns((f"{name:<{width}}",), str(value))

    def heading(self, text: str) -> None:
        """Print a heading."""
        if self._is_for_people:
            stdout_console().print(printable(text), style="bold underline", markup=False, soft_wrap=True)

    def columns(self, first: tuple[str, ...], last: str) -> None:
        """Print padded columns, the first of them bold, and text that goes on below itself."""
        if not self._is_for_people:
            return
        from rich.text import Text

        first, last = tuple(map(printable, first)), printable(last)
        console, width = stdout_console(), sum(map(len, first))
        room = max(console.width - width, 24)
        lines = textwrap.wrap(last, room, break_long_words=False, break_on_hyphens=False) or [""]
        head, *rest = first
        console.print(Text.assemble((head, "bold"), "".join(rest), lines[0]), soft_wrap=True)
        for line in lines[1:]:
            console.print(Text(" " * width + line), soft_wrap=True)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows of cells, each column as wide as its widest cell."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    def next(self, *words: object, note: str = "") -> None:
        """Print the command that goes on from here, with a note on it."""
        self.line()
        self.line(f"Next{note}: {command('idm', *words)}")

    def finish(self, **values: Any) -> None:
        """Print the results as JSON, if that is wanted."""
        if self.as_json and self._prints:
            print_json(values)

    @property
    def _is_for_people(self) -> bool:
        return self._prints and not self.as_json


def print_json(values: Any) -> None:
    """Print JSON; paths become text, and words that the encoding of standard output lacks are written out."""
    text = json_text(values, indent=2, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(values, indent=2, default=str)
    print(text)


def stdout_console() -> "Console":
    """Return a console on standard output: as wide as the terminal, 120 columns without one."""
    from rich.console import Console

    fixed = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if fixed else WIDTH_WITHOUT_TERMINAL)


def to_score(num_held_out: int) -> tuple[str, ...]:
    """Return what ``idm evaluate`` is to be given besides the run: other data, where the run held none out."""
    return () if num_held_out else ("--data", "PATH")


def command(*words: object) -> str:
    """Return a command that a shell takes as it is printed, whatever blanks and quotes are in its paths."""
    return shlex.join(map(str, words))
