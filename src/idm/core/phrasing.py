"""How a front end writes arguments that messages name: ``data=PATH`` in Python, ``--data PATH`` on a command line."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

_changes: list[Callable[[str], str]] = []


def phrased(text: str) -> str:
    """Return a message as the front end writes it; as it is where there is none."""
    return _changes[-1](text) if _changes else text


@contextmanager
def phrased_by(change: Callable[[str], str]) -> Generator[None]:
    """Let ``change`` write all messages until the context ends."""
    _changes.append(change)
    try:
        yield
    finally:
        _changes.pop()
