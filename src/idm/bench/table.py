"""A table to be measured, and a measured one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch

from idm.bench.entrants import Entrant
from idm.bench.goals import Goal, Measured, Verdict
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
        goals: those whose rows take part are judged.
        images: samples that come out of a call; 0 where that means nothing.
        memory: what finds the peak memory of a row, in bytes, by the row's name; names without a row are not timed.
    """

    workload: str
    title: str
    rows: Mapping[str, Row]
    goals: tuple[Goal, ...] = ()
    images: int = 0
    memory: Mapping[str, Callable[[], int]] = field(default_factory=dict[str, Callable[[], int]])


@dataclass(frozen=True)
class Outcome:
    """A table that was measured.

    Attributes:
        workload: the kind of work.
        title: what the rows do.
        images: samples that come out of a call; 0 where that means nothing.
        rows: what was timed.
        verdicts: what became of the goals.
        memory: peak memory in bytes by the row's name, where it was looked at; without rows nothing was timed.
    """

    workload: str
    title: str
    images: int
    rows: tuple[Measured, ...]
    verdicts: tuple[Verdict, ...]
    memory: Mapping[str, int]


def outcome(
    table: Table,
    found: Sequence[Comparison],
    peaks: Mapping[torch.dtype, float],
    memory: Mapping[str, int] = NOTHING,
) -> Outcome:
    """Add rates to times, and judge the goals whose rows are there."""
    measured = {
        row.name: Measured(row, table.rows[row.name].flops, peaks.get(table.rows[row.name].dtype, 0.0)) for row in found
    }
    verdicts = tuple(goal.judge(measured) for goal in table.goals if goal.rows <= measured.keys())
    return Outcome(table.workload, table.title, table.images, tuple(measured.values()), verdicts, memory)


@dataclass(frozen=True)
class Scope:
    """What is to be compared.

    Attributes:
        sizes: the networks.
        entrants: the implementations, in the order of the rows.
        folder: where a workload may put files.
    """

    sizes: Sequence[Configuration]
    entrants: Sequence[Entrant]
    folder: Path


Plan = Callable[[], Table]
"""Builds a table when its turn comes, so that only one at a time takes memory."""

Workload = Callable[[Scope], list[Plan]]
"""A kind of work: the tables that it consists of."""
