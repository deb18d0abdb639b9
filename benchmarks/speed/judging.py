"""What rows can be held to, and what became of it."""

import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idm.bench.table import Measured, Outcome


@dataclass(frozen=True)
class Verdict:
    """What became of a goal.

    Attributes:
        row: who was held to it.
        base: the row that it is compared with; empty for a share of the peak.
        wanted: the goal in words.
        value: what was reached, in the goal's own sense.
        low: its lower quartile.
        high: its upper quartile.
        mark: the goal as a ratio of times, base to row; 0 where it is none.
        reached: whether the median reaches it.
    """

    row: str
    base: str
    wanted: str
    value: float
    low: float
    high: float
    mark: float
    reached: bool


@dataclass(frozen=True)
class Goal(ABC):
    """Something that a row shall reach.

    Attributes:
        row: who is held to it.
        bound: the number to reach.
        base: the row that it is compared with; empty where it is compared with the machine.
    """

    row: str
    bound: float
    base: str = ""

    @abstractmethod
    def judge(self, rows: Mapping[str, Measured]) -> Verdict:
        """Hold the row to it."""

    @property
    def rows(self) -> set[str]:
        """The rows without which it cannot be judged."""
        return {self.row, self.base or self.row}


@dataclass(frozen=True)
class Faster(Goal):
    """At least ``bound`` times as fast as the base."""

    def judge(self, rows: Mapping[str, Measured]) -> Verdict:
        """Pair the rounds."""
        found = rows[self.row].comparison.against(rows[self.base].comparison)
        wanted = f"at least {self.bound:.2f}x {self.base}"
        reached = found.ratio >= self.bound
        return Verdict(self.row, self.base, wanted, found.ratio, found.low, found.high, self.bound, reached)


@dataclass(frozen=True)
class Longer(Goal):
    """At most ``bound`` times as long as the base, which does less."""

    def judge(self, rows: Mapping[str, Measured]) -> Verdict:
        """Pair the rounds, the other way round."""
        found = rows[self.base].comparison.against(rows[self.row].comparison)
        wanted = f"at most {self.bound:.2f}x the time of {self.base}"
        reached = found.ratio <= self.bound
        return Verdict(self.row, self.base, wanted, found.ratio, found.low, found.high, 1 / self.bound, reached)


@dataclass(frozen=True)
class PeakShare(Goal):
    """At least that share of the machine's own peak in convolutions."""

    def judge(self, rows: Mapping[str, Measured]) -> Verdict:
        """Compare medians: the peak is not a contestant of the same rounds."""
        row = rows[self.row]
        shares = [row.flops / row.peak / seconds for seconds in row.comparison.times]
        low, _, high = statistics.quantiles(shares, n=4, method="inclusive")
        wanted = f"at least {self.bound:.0%} of the peak"
        return Verdict(self.row, "", wanted, row.share, low, high, 0.0, row.share >= self.bound)


@dataclass(frozen=True)
class Judged:
    """A table that was measured, with what became of the goals whose rows are there."""

    outcome: Outcome
    verdicts: tuple[Verdict, ...]


def judge(outcome: Outcome, goals: Sequence[Goal]) -> Judged:
    """Judge those of the goals whose rows are there."""
    rows = {row.comparison.name: row for row in outcome.rows}
    return Judged(outcome, tuple(goal.judge(rows) for goal in goals if goal.rows <= rows.keys()))
