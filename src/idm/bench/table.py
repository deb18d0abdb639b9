"""A table to be measured, and a measured one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

from idm.bench.entrant import Entrant
from idm.bench.harness import Comparison, Contestant
from idm.bench.sizes import Configuration

NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Row:
    """Something to be timed.

    Attributes:
        call: the work.
        flops: operations of a call; 0 where they are not counted.
        dtype: number format of its convolutions and matrix products.
    """

    call: Contestant
    flops: int = 0
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Table:
    """Rows that take turns; the first is what the others are compared with.

    Attributes:
        workload: the kind of work.
        title: what the rows do.
        rows: the contestants by name.
        images: samples that come out of a call; 0 where that means nothing.
        memory: what finds the peak memory of a row, in bytes, by the row's name; names without a row are not timed.
    """

    workload: str
    title: str
    rows: Mapping[str, Row]
    images: int = 0
    memory: Mapping[str, Callable[[], int]] = field(default_factory=dict[str, Callable[[], int]])


@dataclass(frozen=True)
class Measured:
    """A row that was timed.

    Attributes:
        comparison: its times, paired with those of the first row.
        flops: operations of a call; 0 where they are not counted.
        peak: the most operations per second in its number format; 0 where there is none.
    """

    comparison: Comparison
    flops: int = 0
    peak: float = 0.0

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.flops / self.comparison.seconds

    @property
    def share(self) -> float:
        """Share of the peak; 0 where there is none."""
        return self.rate / self.peak if self.peak else 0.0


@dataclass(frozen=True)
class Outcome:
    """A table that was measured.

    Attributes:
        workload: the kind of work.
        title: what the rows do.
        images: samples that come out of a call; 0 where that means nothing.
        rows: what was timed.
        memory: peak memory in bytes by the row's name, where it was looked at; without rows nothing was timed.
    """

    workload: str
    title: str
    images: int
    rows: tuple[Measured, ...]
    memory: Mapping[str, int]


def outcome(
    table: Table,
    found: Sequence[Comparison],
    peaks: Mapping[torch.dtype, float],
    memory: Mapping[str, int] = NOTHING,
) -> Outcome:
    """Add rates to times."""
    rows = tuple(Measured(row, table.rows[row.name].flops, peaks.get(table.rows[row.name].dtype, 0.0)) for row in found)
    return Outcome(table.workload, table.title, table.images, rows, memory)


@dataclass(frozen=True)
class Scope:
    """What is to be timed.

    Attributes:
        sizes: the networks.
        entrants: the implementations, in the order of the rows.
    """

    sizes: Sequence[Configuration]
    entrants: Sequence[Entrant]


Plan = Callable[[], Table]
"""Builds a table when its turn comes, so that only one at a time takes memory."""

Workload = Callable[[Scope], list[Plan]]
"""A kind of work: the tables that it consists of."""
