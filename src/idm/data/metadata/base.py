"""What the owner of data needs back with samples: where a volume lies, the coordinates of a field."""

from abc import ABC, abstractmethod
from typing import Any

LONGEST_TEXT = 1_000
"""Characters of a name or unit; longer ones are not kept, and refused in a checkpoint."""

LARGEST_NUMBER = 1e300

MOST_PLACES = 65_536
"""Places of an axis whose coordinates are kept."""


class Metadata(ABC):
    """What a kind of files says of all samples besides their values; small, and free of paths and code.

    A frozen dataclass for each kind. Names of channels and sampling rates, which several kinds of files have, are
    apart: see ``Source.channel_names`` and ``Source.sampling_rate``.
    """

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """Size of a voxel along each axis of space, in any one unit; None where it is not known."""
        return None

    @property
    def units(self) -> tuple[str, ...] | None:
        """Unit of each channel, "" of one without; None where they are not known."""
        return None

    def beside(self, others: "Metadata | None") -> "Metadata":
        """Return what holds of samples made of a file of these, by a model of others: by default all of it."""
        return self

    def of_pieces(self, shape: tuple[int, ...]) -> "Metadata | None":
        """Return what holds of pieces of a shape (c, *space) that are cut out at any place; None: nothing does."""
        return None

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""

    @classmethod
    @abstractmethod
    def from_plain(cls, plain: dict[str, Any], shape: tuple[int, ...]) -> "Metadata":
        """Restore what ``to_plain`` returned, for samples of a shape (c, *space).

        Raises:
            KeyError, TypeError, ValueError: something else, or of samples of another shape.
        """


def checked_text(value: Any) -> str:
    """Return a short text on one line.

    Raises:
        ValueError: something else.
    """
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"metadata: a text of at most {LONGEST_TEXT:,} characters wanted")
    return value


def checked_numbers(values: Any, most: int) -> tuple[float, ...]:
    """Return finite numbers, at most so many.

    Raises:
        ValueError: something else.
    """
    if not isinstance(values, (list, tuple)) or len(values) > most:
        raise ValueError(f"metadata: at most {most:,} numbers wanted")
    if not all(type(value) in (int, float) and abs(value) <= LARGEST_NUMBER for value in values):
        raise ValueError("metadata: finite numbers wanted")
    return tuple(float(value) for value in values)


def checked_whole(value: Any, most: int) -> int:
    """Return a whole number from 0 to ``most``.

    Raises:
        ValueError: something else.
    """
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"metadata: a whole number up to {most:,} wanted")
    return value
