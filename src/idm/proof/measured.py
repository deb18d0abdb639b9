"""Measured orders: how fast an error falls as the number of steps doubles."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

from idm.proof.proof import Finding

FEWEST_STEPS, MOST_STEPS = 24, 3072
"""Numbers of steps that are tried."""

LEAST_ERROR, LARGEST_ERROR = 1e-11, 1e-2
"""Errors between which a slope is one of the solver, not of rounding, nor of steps that are too long."""

LARGEST_SPREAD = 1e-9
"""Distance of the ends of two walks that differ by rounding alone."""

NUM_SLOPES, WITHIN = 3, 0.15
"""Number of doublings in a row that are to show the order, and how closely each is to show it."""


@dataclass(frozen=True)
class Measured(Finding):
    """Errors of a sampler over the number of steps.

    Attributes:
        solver: what it is known as.
        data: what is sampled.
        grid: how levels are chosen.
        start: "exact", where what a rule remembers is exact, "ordinary", or "mean and covariance".
        order: what theory says.
        at_least: whether a faster fall is as good.
        calls: of the network, a step.
        num_steps: numbers of steps, each twice the one before.
        errors: the error of each.
        spread: how far the other predictions and paths end from it in ``SPREAD_STEPS`` steps; 0 where there are none.
    """

    headings: ClassVar[tuple[str, ...]] = (
        "sampler",
        "data",
        "grid",
        "start",
        "order",
        "measured",
        "steps",
        "error",
        "holds",
    )

    solver: str
    data: str
    grid: str
    start: str
    order: int
    at_least: bool
    calls: int
    num_steps: tuple[int, ...] = ()
    errors: tuple[float, ...] = ()
    spread: float = 0.0

    @property
    def slopes(self) -> tuple[float, ...]:
        """Powers of two by which the error falls at the last doublings that can be judged."""
        usable = [error for error in self.errors if LEAST_ERROR <= error <= LARGEST_ERROR]
        return tuple(math.log2(first / second) for first, second in pairwise(usable[-NUM_SLOPES - 1 :]))

    @property
    def holds(self) -> bool:
        """Whether all of them are the order, and no prediction or path has another."""
        if self.spread > LARGEST_SPREAD:
            return False
        most = math.inf if self.at_least else self.order + WITHIN
        return len(self.slopes) == NUM_SLOPES and all(self.order - WITHIN <= slope <= most for slope in self.slopes)

    @property
    def row(self) -> tuple[str, ...]:
        """The row of a table."""
        order = f"{'at least ' if self.at_least else ''}{self.order}"
        slopes = ", ".join(f"{slope:.2f}" for slope in self.slopes)
        steps, error = f"{self.num_steps[0]} to {self.num_steps[-1]:,}", f"{self.errors[-1]:.1e}"
        holds = "yes" if self.holds else "NO"
        return self.solver, self.data, self.grid, self.start, order, slopes, steps, error, holds

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self) | {"slopes": list(self.slopes), "holds": self.holds}


def doubled(asked: Measured, error: Callable[[int], float]) -> Measured:
    """Measure the error of twice as many steps again and again, until the order shows or errors end in rounding.

    Args:
        asked: what is measured, as yet without numbers.
        error: given a number of steps, the error of that many.
    """
    found, number = asked, FEWEST_STEPS
    while number <= MOST_STEPS and not found.holds and (not found.errors or found.errors[-1] >= LEAST_ERROR):
        found = replace(found, num_steps=(*found.num_steps, number), errors=(*found.errors, error(number)))
        number *= 2
    return found
