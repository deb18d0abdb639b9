"""Names of samples that are made when they are asked for: those of a large set would fill memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import final, overload

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 65_536
"""Names that are made together where all are gone through."""

Make = Callable[[NDArray[np.int64]], list[str]]
"""Makes the names of samples of those numbers."""


@final
class MadeNames(Sequence[str]):
    """As many names as there are samples; equal to other sequences of the same names."""

    def __init__(self, count: int, make: Make) -> None:
        """Make none yet.

        Args:
            count: how many there are.
            make: makes those of some numbers, from 0 to ``count`` - 1.
        """
        self._count, self.make = count, make

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Make one name, or a tuple of some."""
        numbers = range(self._count)[index]
        if isinstance(numbers, range):
            return tuple(self.make(np.array(numbers, np.int64)))
        return self.make(np.array([numbers]))[0]

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Make them one after another."""
        for first in range(0, self._count, AT_ONCE):
            yield from self[first : first + AT_ONCE]

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType] (as of lists: contents decide)


def names_or_numbers(names: Sequence[str] | None, count: int) -> Sequence[str]:
    """Return names, or the number of each of ``count`` samples where they have none."""
    return names or MadeNames(count, lambda numbers: [*map(str, numbers.tolist())])


def chosen_names(names: Sequence[str], chosen: NDArray[np.int64] | None) -> Sequence[str]:
    """Return the names of some samples, None: all, made when they are asked for."""
    if chosen is None:
        return names
    if isinstance(names, MadeNames):
        return MadeNames(len(chosen), lambda numbers: names.make(chosen[numbers]))
    return MadeNames(len(chosen), lambda numbers: [names[int(index)] for index in chosen[numbers]])
