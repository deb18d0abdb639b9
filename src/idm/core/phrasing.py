"""How a front end writes what messages name: arguments, such as ``data=PATH`` in Python, and calls that they advise."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, final, runtime_checkable

from idm.core.text import in_quotes


@final
@dataclass(frozen=True)
class Call:
    """A call that a message advises: as text it is what people of Python type, or of the front end.

    Attributes:
        python: the call in Python.
        words: the verb of the command line that does the same, and what follows it by place.
        options: its other arguments by name; None where one is not given.
    """

    python: str
    words: tuple[object, ...]
    options: Mapping[str, object] = field(default_factory=dict[str, object])

    def __str__(self) -> str:
        """Write it between quotes."""
        return in_quotes(_front_ends[-1].call(self) if _front_ends else self.python)


@runtime_checkable
class FrontEnd(Protocol):
    """Writes what messages name its own way."""

    def text(self, text: str) -> str:
        """Write a message that names arguments as Python does."""
        ...

    def call(self, call: Call) -> str:
        """Write a call that a message advises."""
        ...


_front_ends: list[FrontEnd] = []


def phrased(text: str) -> str:
    """Return a message as the front end writes it; as it is where there is none."""
    return _front_ends[-1].text(text) if _front_ends else text


@contextmanager
def phrased_by(front_end: FrontEnd) -> Generator[None]:
    """Let a front end write all messages until the context ends."""
    _front_ends.append(front_end)
    try:
        yield
    finally:
        _front_ends.pop()
