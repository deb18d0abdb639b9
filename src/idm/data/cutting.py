"""Windows of a space, as slices along each of its axes."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, ...]
"""A slice along each axis."""


def windows_at(firsts: NDArray[np.int64], size: tuple[int, ...]) -> list[Window]:
    """Return windows of a size by their first places along each axis, [k, axes]."""
    return [
        tuple(slice(first, first + length) for first, length in zip(place, size, strict=True))
        for place in firsts.tolist()
    ]


def slabs(space: tuple[int, ...], most_places: int) -> Iterator[Window]:
    """Cut a space into windows of at most so many places (one at least), along its first axes, in order."""
    inner = [math.prod(space[axis + 1 :]) for axis in range(len(space))]
    axis = next((axis for axis, places in enumerate(inner) if places <= max(1, most_places)), None)
    if axis is None:
        yield ()
        return
    length = max(1, most_places // inner[axis])
    whole = tuple(slice(0, size) for size in space[axis + 1 :])
    for outer in np.ndindex(*space[:axis]):
        for first in range(0, space[axis], length):
            yield (
                *(slice(place, place + 1) for place in outer),
                slice(first, min(first + length, space[axis])),
                *whole,
            )
