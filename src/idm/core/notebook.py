"""Progress in a notebook: one bar below the cell, updated in place, and pictures of samples beside it."""

import html
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Calls, Event, Listener, Progress
from idm.core.terminal import TERMINAL

SECONDS_BETWEEN_UPDATES = 0.5
"""Seconds between two updates of a bar."""


@final
class Notebook(Listener):
    """Shows each loop as one bar, and the newest picture of samples under each name."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._pictures: dict[str, Any] = {}

    @contextmanager
    def follow(
        self, what: str, total: int, *, unit: str = "steps", done: int = 0, parts: int = 1
    ) -> Generator[Progress]:
        """Show one bar for the loop."""
        told = Calls(_Bar().update, least_seconds=SECONDS_BETWEEN_UPDATES)
        with told.follow(what, total, unit=unit, done=done, parts=parts) as bar:
            yield bar

    def show(self, what: str, picture: Path) -> None:
        """Show the picture, in place of the one of that name before."""
        from IPython.display import Image, display

        image = Image(filename=str(picture))
        if what in self._pictures:
            self._pictures[what].update(image)
        else:
            self._pictures[what] = display(image, display_id=True)


@final
class _Bar:
    """One place in the output of a cell."""

    def __init__(self) -> None:
        self._update: Callable[[Any], None] | None = None

    def update(self, event: Event) -> None:
        """Show the event in place of the one before."""
        from IPython.display import HTML, display

        shown = HTML(_as_html(event))
        if self._update is None:
            place = display(shown, display_id=True)
            self._update = None if place is None else place.update
        else:
            self._update(shown)


def _as_html(event: Event) -> str:
    bar = f'<progress value="{event.done}" max="{max(event.total, 1)}" style="vertical-align: middle"></progress>'
    return f'<div style="font-family: monospace">{bar} {html.escape(str(event))}</div>'


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return getattr(shell, "kernel", None) is not None


def listener_or_best(listener: Listener | None) -> Listener:
    """Return the listener; where there is none, what long work tells: a notebook, or the terminal.

    Raises:
        SettingsError: it is no listener.
    """
    return _listener_or(TERMINAL, listener)


def listener_or_quiet(listener: Listener | None) -> Listener:
    """Return the listener; where there is none, what calls tell that a program makes many of: a notebook, or nobody.

    Raises:
        SettingsError: it is no listener.
    """
    return _listener_or(SILENT, listener)


def _listener_or(otherwise: Listener, listener: Listener | None) -> Listener:
    """Return the listener; where there is none, a notebook, or ``otherwise`` outside of notebooks."""
    if listener is None:
        return Notebook() if is_notebook() else otherwise
    if not isinstance(listener, Listener):  # pyright: ignore[reportUnnecessaryIsInstance] (as callers give it)
        raise SettingsError(
            f"listener: an idm.Listener wanted, such as idm.Calls(function), got {type(listener).__name__}"
        )
    return listener
