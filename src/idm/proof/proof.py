"""What a check of the mathematics finds."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar


class Finding(ABC):
    """Something that was measured, a row of a table.

    Attributes:
        headings: of the table.
    """

    headings: ClassVar[tuple[str, ...]]

    @property
    def is_claimed(self) -> bool:
        """Whether theory says what it should be."""
        return True

    @property
    @abstractmethod
    def holds(self) -> bool:
        """Whether it is as theory says, if theory says anything."""

    @property
    @abstractmethod
    def row(self) -> tuple[str, ...]:
        """Its row."""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""


Found = TypeVar("Found", bound=Finding)


@dataclass(frozen=True)
class Proof(Generic[Found]):
    """What was measured, beside what theory says.

    Attributes:
        name: of the check.
        measured: all that was, at least one.
        summary: another table, headings first; empty where there is none.
        note: a line on what no table shows; empty where there is none.
    """

    name: str
    measured: tuple[Found, ...]
    summary: tuple[tuple[str, ...], ...] = ()
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything is as theory says."""
        return all(one.holds for one in self.measured)

    @property
    def num_claimed(self) -> int:
        """Count what theory says something of."""
        return sum(one.is_claimed for one in self.measured)

    @property
    def num_wrong(self) -> int:
        """Count what is not as theory says."""
        return sum(not one.holds for one in self.measured)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table, headings first."""
        return [self.measured[0].headings, *(one.row for one in self.measured)]

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        plain = {"name": self.name, "holds": self.holds, "measured": [one.to_plain() for one in self.measured]}
        if not self.summary:
            return plain
        headings, *rows = self.summary
        return plain | {"summary": [dict(zip(headings, row, strict=True)) for row in rows]}
