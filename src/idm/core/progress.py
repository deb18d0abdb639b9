"""Progress with rate and time left: a bar on a terminal, plain lines elsewhere.

Everything goes to standard error, so that standard output stays clean for results.
"""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, runtime_checkable

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

    def __init__(self, label: str, total: int, unit: str, done: int, interval: float) -> None:
        self.label, self.total, self.unit, self.done, self.interval = label, total, unit, done, interval
        self.first, self.start = done, time.monotonic()
        self.last, self.status = self.start, ""

    def advance(self, units: int = 1, status: str = "") -> None:
        self.done += units
        self.status = status or self.status
        now = time.monotonic()
        if now - self.last < self.interval and self.done < self.total:
            return
        self.last = now
        rate = (self.done - self.first) / max(now - self.start, 1e-9)
        left = (self.total - self.done) / rate if rate > 0 else 0.0
        words = f"{self.label}: {self.done:,}/{self.total:,} {self.unit}, {rate:,.1f}/s, {_clock(left)} left"
        print(f"{words}  {self.status}".rstrip(), file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def progress(
    label: str, total: int, *, unit: str = "steps", done: int = 0, enabled: bool = True, interval: float = 10.0
) -> Generator[Progress]:
    """Show how a loop of ``total`` units gets on, starting at ``done``.

    Args:
        label: what is being done, one or two words.
        total: number of units when it is finished.
        unit: what is counted, plural.
        done: units done before (a resumed run).
        enabled: False shows nothing.
        interval: seconds between two lines when standard error is not a terminal.
    """
    label = printable(label)
    if not enabled:
        yield _Silent()
    elif sys.stderr.isatty():
        with _bar(label, total, unit, done) as bar:
            yield bar
    else:
        yield _Lines(label, total, unit, done, interval)


@contextmanager
def _bar(label: str, total: int, unit: str, done: int) -> Generator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn(unit, markup=False),
        rich_progress.TextColumn("{task.fields[rate]}/s"),
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("{task.fields[status]}", markup=False),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(label, total=total, completed=done, rate="-", status="")

        class Bar:
            def advance(self, units: int = 1, status: str = "") -> None:
                speed = bars.tasks[0].speed
                fields: dict[str, Any] = {"rate": f"{speed:,.1f}" if speed else "-"}
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
    print(f"warning: {printable(text)}", file=sys.stderr, flush=True)
