"""How fast samples come from the loader."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from idm.data import SOURCES, Codec, Dataset, batch_indices
from idm.data.patches import Patches
from idm.data.sizes import Sizes, number_of_axes

BATCH_SIZE = 64
LONGEST_SECONDS = 20.0
"""Longest time of an epoch, which is cut short where it takes longer."""


@dataclass(frozen=True)
class Speed:
    """Samples per second from source to encoded batch.

    Attributes:
        opening: seconds until the first batch can be asked for.
        first: samples per second in the first epoch, opening included.
        later: samples per second in the next.
    """

    opening: float
    first: float
    later: float


def measure_speed(
    name: str,
    options: Mapping[str, Any],
    workers: int = 0,
    apart: tuple[str, ...] = (),
    patches: tuple[Sizes, Sizes] = (0, 0),
) -> Speed:
    """Open a source and go through it twice in random order, in batches of at most 64.

    Args:
        name: kind of source.
        options: its settings.
        workers: number of processes that read what is not kept in memory; 0: a thread does.
        apart: columns or arrays that are neither samples nor labels.
        patches: size and stride of patches that samples are cut into; 0: none.

    Raises:
        DataError: the data cannot be read.
    """
    batch_indices(0, 0, 1, 1)  # what happens once in a process is not counted
    start = time.perf_counter()
    size, stride = patches
    given = {"apart": apart, "in_patches": bool(size), "num_axes": number_of_axes(size)}
    source = SOURCES.build(name, options, **given)
    source = Patches(source, size, stride) if size else source
    dataset = Dataset(source, Codec.fit(source), np.arange(len(source)), workers=workers)
    opening = time.perf_counter() - start
    num, seconds = _epoch(dataset, 0)
    later, later_seconds = _epoch(dataset, 1)
    return Speed(opening, num / (opening + seconds), later / later_seconds)


def _epoch(dataset: Dataset, number: int) -> tuple[int, float]:
    """Samples read in one epoch, and seconds."""
    size = min(BATCH_SIZE, len(dataset))
    steps = len(dataset) // size
    order = (batch_indices(0, number * steps + step, size, len(dataset)) for step in range(steps))
    start, num = time.perf_counter(), 0
    for x, _ in dataset.batches(order):
        num += len(x)
        if time.perf_counter() - start > LONGEST_SECONDS:
            break
    return num, time.perf_counter() - start
