"""Whether sources look at all values when they are opened: not where they are opened again before these are needed."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_LOOKS: ContextVar[bool] = ContextVar("looks", default=True)


@contextmanager
def without_a_look_at_values() -> Generator[None]:
    """Open sources for their shapes and labels alone: what is wrong with their values is not found."""
    token = _LOOKS.set(False)
    try:
        yield
    finally:
        _LOOKS.reset(token)


def values_are_looked_at() -> bool:
    """Whether a source that is opened now goes through its values."""
    return _LOOKS.get()
