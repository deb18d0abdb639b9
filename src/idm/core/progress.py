"""How work gets on: loops count what is done, and a listener that is handed in shows it to people or tells a program.

Warnings and what people are told go to standard error, so that standard output stays clean for results.
"""

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, final, runtime_checkable

from idm.core.event import Event
from idm.core.phrasing import phrased
from idm.core.text import printable

RECENT_SECONDS = 10.0
"""Time in which what was done before comes to count a third, to e, of what it did for the present speed."""

LEAST_KEPT = 0.7
"""Least share that is kept of what was done before: some units make a speed, however slow they are."""

SECONDS_BETWEEN_EVENTS = 0.1
"""Fewest seconds between two events that a program is told of; the last one is always told."""


@runtime_checkable
class Progress(Protocol):
    """What the loops see: they report units done, and a few words of status."""

    def advance(self, units: int = 1, status: str = "") -> None:
        """Count ``units`` more as done, and show ``status`` beside the count until there is another."""
        ...


class Listener(ABC):
    """Hears how work gets on: a terminal, a notebook, a program's own function."""

    @abstractmethod
    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> AbstractContextManager[Progress]:
        """Follow a loop of ``total`` units from ``done`` on, until the context ends.

        Args:
            what: what is being done, one or two words.
            total: number of units when it is finished.
            unit: what is counted, plural.
            done: units done before (a resumed run).
            parts: how many advances make one unit, where a unit is done little by little.
        """

    def say(self, line: str) -> None:  # noqa: B027 (most listeners follow loops alone)
        """Say what is done where nothing is counted, in a line; nothing by default."""

    def of_section(self, line: str) -> "Listener":
        """Say which part of long work begins, and return what hears of it; a listener of lines says no more of it."""
        self.say(line)
        return self

    def show(self, what: str, picture: Path) -> None:  # noqa: B027 (most listeners have no eyes)
        """Show a picture of samples that was written, such as a grid during training; nothing by default."""


@final
class _Nothing:
    def advance(self, units: int = 1, status: str = "") -> None:
        """Ignore what was done."""


@final
class Silent(Listener):
    """A listener that ignores what it is told."""

    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> AbstractContextManager[Progress]:
        """Return a progress that ignores what was done."""
        return nullcontext(_Nothing())


SILENT = Silent()


@final
@dataclass(frozen=True)
class Within(Listener):
    """Counts in a loop that is followed already, of which the work is a part.

    Attributes:
        progress: what follows that loop.
    """

    progress: Progress

    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> AbstractContextManager[Progress]:
        """Return the progress of the loop around this work."""
        return nullcontext(self.progress)


@final
class Count:
    """Units done so far, and what follows from the time that the last of them took."""

    def __init__(self, what: str, total: int, unit: str, done: int, parts: int) -> None:
        """Begin; arguments as of ``Listener.follow``."""
        self._what, self._unit, self._total, self._parts = what, unit, total, parts
        self._done, self._last, self._status = done * parts, time.monotonic(), ""
        self._recent_units = self._recent_seconds = 0.0

    def add(self, units: int, status: str) -> None:
        """Count units, and remember a status that is not empty."""
        now = time.monotonic()
        seconds = now - self._last
        kept = max(math.exp(-seconds / RECENT_SECONDS), LEAST_KEPT)
        self._recent_units = kept * self._recent_units + units
        self._recent_seconds = kept * self._recent_seconds + seconds
        self._done, self._last, self._status = self._done + units, now, status or self._status

    @property
    def is_finished(self) -> bool:
        """Whether all is done."""
        return self._done >= self._total * self._parts

    def event(self) -> Event:
        """Say how far the work has got."""
        parts, left = self._parts, self._total * self._parts - self._done
        rate = self._recent_units / max(self._recent_seconds, 1e-9)
        seconds = left / rate if rate > 0 else 0.0
        return Event(self._what, self._unit, self._done // parts, self._total, rate / parts, seconds, self._status)


@final
@dataclass(frozen=True)
class Calls(Listener):
    """Calls a function with an ``Event`` at the beginning, now and then, and at the end.

    Attributes:
        hear: called with events.
        see: called with the name and the path of a picture of samples, where one was written.
        least_seconds: between two calls of ``hear``, at the least.
    """

    hear: Callable[[Event], None]
    see: Callable[[str, Path], None] | None = None
    least_seconds: float = SECONDS_BETWEEN_EVENTS

    @contextmanager
    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> Generator[Progress]:
        """Pass events on to ``hear``."""
        yield _Regular(self.hear, Count(what, total, unit, done, parts), self.least_seconds, at_once=True)

    def show(self, what: str, picture: Path) -> None:
        """Pass the picture on to ``see``, if there is one."""
        if self.see is not None:
            self.see(what, picture)


@final
class _Regular:
    """Hands on an event when some time has passed, and at the end."""

    def __init__(self, hear: Callable[[Event], None], count: Count, seconds: float, *, at_once: bool) -> None:
        self._hear, self._count, self._seconds, self._last = hear, count, seconds, time.monotonic()
        if at_once:
            hear(count.event())

    def advance(self, units: int = 1, status: str = "") -> None:
        self._count.add(units, status)
        now = time.monotonic()
        if now - self._last >= self._seconds or self._count.is_finished:
            self._last = now
            self._hear(self._count.event())


@final
@dataclass(frozen=True)
class Lines(Listener):
    """Writes a line to standard error every few seconds, and one at the end.

    Attributes:
        seconds: between two lines.
    """

    seconds: float = 10.0

    @contextmanager
    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> Generator[Progress]:
        """Write lines."""
        yield _Regular(
            lambda event: tell(str(event)), Count(what, total, unit, done, parts), self.seconds, at_once=False
        )

    def say(self, line: str) -> None:
        """Write the line."""
        tell(line)

    def of_section(self, line: str) -> Listener:
        """Write the line, and no more."""
        self.say(line)
        return SILENT


@cache
def warn_once(text: str) -> None:
    """Print one line on standard error, the first time that it is to be said in a process."""
    warn(text)


def warn(text: str) -> None:
    """Print one line on standard error, whatever the text holds."""
    tell(f"warning: {text}")


def tell(text: str) -> None:
    """Print one line on standard error, arguments in it as the front end writes them."""
    tell_as_it_is(phrased(text))


def tell_as_it_is(text: str) -> None:
    """Print one line on standard error; where that is gone, as with a closed terminal, work goes on without."""
    with suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)
