"""Passes over much data: shown where they take long, whoever asked for them.

Opening data goes through them in places that know no listener; whoever opens them says who hears of it.
"""

import time
from collections.abc import Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from idm.core.progress import SILENT, Listener

PATIENCE_SECONDS = 3.0
"""A pass that ends before is not shown."""

Piece = TypeVar("Piece", bound=Sized)

_LISTENER: ContextVar[Listener] = ContextVar("listener", default=SILENT)


@contextmanager
def passes_shown_by(listener: Listener) -> Generator[None]:
    """Have a listener hear how long passes get on until the context ends; ``SILENT`` in a loop that is followed."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def passed(pieces: Iterable[Piece], total: int, what: str = "reading", unit: str = "samples") -> Iterator[Piece]:
    """Go through pieces, of ``total`` units together, and show it once it takes long."""
    begin, done, waiting = time.monotonic(), 0, iter(pieces)
    for piece in waiting:
        yield piece
        done += len(piece)
        if time.monotonic() - begin > PATIENCE_SECONDS:
            break
    else:
        return
    with _LISTENER.get().follow(what, total, unit=unit, done=done) as bar:
        for piece in waiting:
            yield piece
            bar.advance(len(piece))
