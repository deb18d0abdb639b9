"""Progress with rate and time left: a bar on a terminal, plain lines elsewhere.

Everything goes to standard error, so that standard output stays clean for results.
"""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Protocol, cast, runtime_checkable

from idm.core.streams import Lasting
from idm.core.text import printable


@runtime_checkable
class Progress(Protocol):
    """What the loops see: they report units done, and a few words of status."""

    def advance(self, units: int = 1, status: str = "") -> None:
        """Count ``units`` more as done, and show ``status`` beside the count until there is another."""
        ...


class _Silent:
    def advance(self, units: int = 1, status: str = "") -> None:
        """Show nothing."""


class _Lines:
    """One line at most every ``interval`` seconds, and one at the end."""

    def __init__(self, label: str, total: int, unit: str, done: int, parts: int, interval: float) -> None:
        self.label, self.total, self.unit, self.interval = label, total, unit, interval
        self.done, self.parts = done * parts, parts
        self.first, self.start = self.done, time.monotonic()
        self.last, self.status = self.start, ""

    def advance(self, units: int = 1, status: str = "") -> None:
        self.done += units
        self.status = status or self.status
        now, total = time.monotonic(), self.total * self.parts
        if now - self.last < self.interval and self.done < total:
            return
        self.last = now
        rate = (self.done - self.first) / max(now - self.start, 1e-9)
        left = (total - self.done) / rate if rate > 0 else 0.0
        count = f"{self.done // self.parts:,}/{self.total:,} {self.unit}"
        words = f"{self.label}: {count}, {_speed(rate / self.parts, self.unit)}, {_clock(left)} left"
        tell(f"{words}  {self.status}".rstrip())


def _speed(rate: float, unit: str) -> str:
    """Write units per second; where less than one is done in a second, seconds per unit."""
    return f"{rate:,.1f}/s" if rate >= 1 or rate <= 0 else f"{1 / rate:,.1f} s/{unit.removesuffix('s')}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def progress(
    label: str,
    total: int,
    *,
    unit: str = "steps",
    done: int = 0,
    parts: int = 1,
    enabled: bool = True,
    interval: float = 10.0,
) -> Generator[Progress]:
    """Show how a loop of ``total`` units gets on, starting at ``done``.

    Args:
        label: what is being done, one or two words.
        total: number of units when it is finished.
        unit: what is counted, plural.
        done: units done before (a resumed run).
        parts: how many advances make one unit, where a unit is done little by little.
        enabled: False shows nothing.
        interval: seconds between two lines when standard error is not a terminal.
    """
    label = printable(label)
    if not enabled:
        yield _Silent()
    elif sys.stderr.isatty():
        with _bar(label, total, unit, done, parts) as bar:
            yield bar
    else:
        yield _Lines(label, total, unit, done, parts, interval)


@contextmanager
def _bar(label: str, total: int, unit: str, done: int, parts: int) -> Generator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.TextColumn("{task.fields[count]}"),
        rich_progress.TextColumn(unit, markup=False),
        rich_progress.TextColumn("{task.fields[rate]}", markup=False),
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("{task.fields[status]}", markup=False),
    )
    with rich_progress.Progress(*columns, console=Console(file=cast(Any, Lasting(sys.stderr)))) as bars:
        first = f"{done:,}/{total:,}"
        task = bars.add_task(label, total=total * parts, completed=done * parts, count=first, rate="-", status="")

        class Bar:
            def advance(self, units: int = 1, status: str = "") -> None:
                shown = bars.tasks[0]
                fields: dict[str, Any] = {"count": f"{int(shown.completed + units) // parts:,}/{total:,}"}
                if shown.speed:
                    fields["rate"] = _speed(shown.speed / parts, unit)
                if status:
                    fields["status"] = status
                bars.update(task, advance=units, **fields)

        yield Bar()


@cache
def warn_once(text: str) -> None:
    """Print one line on standard error, the first time that it is to be said in a process."""
    warn(text)


def warn(text: str) -> None:
    """Print one line on standard error, whatever the text holds."""
    tell(f"warning: {text}")


def tell(text: str) -> None:
    """Print one line on standard error; where that is gone, as with a closed terminal, work goes on without."""
    with suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)
