"""Explicit registries: a family lists its members by name, and options are checked against the member.

A contributor adds one file and one line to the family's ``__init__``; the member then has a CLI name and
validated options.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, make_dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from idm.core.errors import UnknownNameError, unknown_name

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """Named factories of one family; ``kind`` is the word used in messages."""

    def __init__(self, kind: str, members: Mapping[str, Callable[..., T]]) -> None:
        """List the members of the family."""
        self.kind = kind
        self._members = dict(members)

    def __getitem__(self, name: str) -> Callable[..., T]:
        """Return the factory of that name, or raise UnknownNameError with the nearest one."""
        if name not in self._members:
            raise unknown_name(self.kind, name, self._members)
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a member of that name."""
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._members)

    def options(self, name: str, *, given: tuple[str, ...] = ()) -> dict[str, inspect.Parameter]:
        """Return the settable parameters of a member, without those the program itself supplies (``given``)."""
        parameters = inspect.signature(self[name]).parameters
        return {key: value for key, value in parameters.items() if key not in given}

    def build(self, name: str, options: Mapping[str, Any], **given: Any) -> T:
        """Call the member with checked option names, and with those of ``given`` that it takes."""
        known = self.options(name, given=tuple(given))
        for key in options:
            if key not in known:
                raise UnknownNameError(*unknown_name(f"{self.kind}.{key}", key, known).lines)
        taken = {key: value for key, value in given.items() if key in inspect.signature(self[name]).parameters}
        return self[name](**taken, **options)


@cache
def options_type(member: Callable[..., Any], given: tuple[str, ...] = (), module: str = __name__) -> type[Any]:
    """Return the parameters of a member, without those of ``given``, as a frozen dataclass with their defaults.

    It is called ``UNetOptions`` for ``UNet``, ``CosineScheduleOptions`` for ``cosine_schedule``, and is of ``module``.
    """
    columns = [
        (name, entry.annotation, field() if entry.default is entry.empty else field(default=entry.default))
        for name, entry in inspect.signature(member).parameters.items()
        if name not in given
    ]
    name = "".join(word[:1].upper() + word[1:] for word in member.__name__.split("_"))
    return make_dataclass(f"{name}Options", columns, namespace={"__module__": module}, frozen=True, kw_only=True)
