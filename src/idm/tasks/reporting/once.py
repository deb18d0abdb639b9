"""What is tried once: a property that keeps its value keeps its error, too."""

from collections.abc import Callable
from functools import wraps
from typing import Protocol, TypeVar, runtime_checkable

from idm.core.errors import IdmError


@runtime_checkable
class Fails(Protocol):
    """What remembers its failures.

    Attributes:
        failures: errors by the name of what could not be made.
    """

    failures: dict[str, IdmError]


S = TypeVar("S", bound=Fails)
T = TypeVar("T")


def tried_once(make: Callable[[S], T]) -> Callable[[S], T]:
    """Let what failed fail with the same error again, without another try; ``cached_property`` keeps values alone."""
    name = make.__name__

    @wraps(make)
    def made(of: S) -> T:
        if name in of.failures:
            raise of.failures[name]
        try:
            return make(of)
        except IdmError as error:
            of.failures[name] = error
            raise

    return made
