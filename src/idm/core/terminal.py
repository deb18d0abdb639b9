"""Progress on a terminal: a bar with rate and time left, or lines where standard error is no terminal."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast, final

from idm.core.progress import Count, Lines, Listener, Progress, tell
from idm.core.streams import Lasting
from idm.core.text import printable


@final
class Terminal(Listener):
    """A bar with rate and time left; lines where standard error is no terminal."""

    @contextmanager
    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> Generator[Progress]:
        """Show how the loop gets on."""
        if not sys.stderr.isatty():
            with Lines().follow(what, total, unit=unit, done=done, parts=parts) as lines:
                yield lines
            return
        from rich import progress as rich_progress
        from rich.console import Console

        columns = (
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(),
            *(
                rich_progress.TextColumn(f"{{task.fields[{name}]}}", markup=False)
                for name in ("count", "rate", "left", "status")
            ),
        )
        with rich_progress.Progress(*columns, console=Console(file=cast(Any, Lasting(sys.stderr)))) as bars:
            yield _Bar(bars, Count(what, total, unit, done, parts), done * parts, total * parts)

    def say(self, line: str) -> None:
        """Write the line."""
        tell(line)

    def of_section(self, line: str) -> Listener:
        """Write the line; where standard error is no terminal, no more than it."""
        return super().of_section(line) if sys.stderr.isatty() else Lines().of_section(line)


@final
class _Bar:
    def __init__(self, bars: Any, count: Count, done: int, total: int) -> None:
        first = count.event()
        self._bars, self._count = bars, count
        self._task = bars.add_task(
            printable(first.what),
            total=total,
            completed=done,
            count=f"{first.done:,}/{first.total:,} {first.unit}",
            rate="-",
            left="",
            status="",
        )

    def advance(self, units: int = 1, status: str = "") -> None:
        self._count.add(units, status)
        now = self._count.event()
        self._bars.update(
            self._task,
            advance=units,
            count=f"{now.done:,}/{now.total:,} {now.unit}",
            rate=now.speed,
            left=f"{now.time_left} left",
            status=now.status,
        )


TERMINAL = Terminal()
