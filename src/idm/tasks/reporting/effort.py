"""What a page may cost: calls of the network, each on one sample, and what each section makes of its share."""

from dataclasses import dataclass
from typing import final

from idm.core.counts import at_least

USUAL_BUDGET, LEAST_BUDGET = 300_000, 1_000
"""Calls of the network on single samples for a page of a run, about, and the fewest that may be asked for."""

MOST_SAMPLES, FEWEST_SAMPLES = 1_000, 24
"""Most samples that are drawn to be measured, and the fewest whatever they cost: more than the usual features."""

TO_DRAW, TO_COMPARE, TO_SCORE, TO_CARRY = 0.3, 0.4, 0.2, 0.1
"""Shares of the budget: of samples, of the comparison of samplers, of bounds, of samples that are inverted."""

MOST_TERMS, SCORED_BY_TERM = 100, 64
"""Steps of the chain whose terms are shown where those of the whole one are too many, and samples they are of."""

MOST_CARRIED, FEWEST_CARRIED = 100, 10
"""Steps of an inversion."""


@final
@dataclass(frozen=True)
class Effort:
    """How many calls of the network on single samples a page of a run may cost, about.

    The same number gives the same page on any machine, but for its times.

    Attributes:
        budget: the number.
    """

    budget: int = USUAL_BUDGET

    def __post_init__(self) -> None:
        """Refuse too small a number.

        Raises:
            SettingsError: it is one.
        """
        at_least(LEAST_BUDGET, self.budget, "budget")

    def samples(self, calls: int) -> int:
        """Return how many samples of so many calls each are drawn to be measured."""
        return self._of(TO_DRAW, calls, MOST_SAMPLES)

    def compared(self, calls: int) -> int:
        """Return how many samples of each way are compared that cost so many calls in all ways."""
        return self._of(0.75 * TO_COMPARE, calls, MOST_SAMPLES)

    def compared_held_out(self, calls: int, available: int) -> int:
        """Return how many held-out samples are scored, of so many calls in all chains."""
        return self._of(0.25 * TO_COMPARE, calls, available)

    def fits_whole(self, steps: int, available: int) -> bool:
        """Whether all terms of a chain of so many steps can be evaluated for all held-out samples."""
        return steps * available <= TO_SCORE * self.budget

    def scored(self, calls: int, available: int) -> int:
        """Return how many held-out samples have their bound estimated from so many calls each."""
        return self._of(0.5 * TO_SCORE, calls, available)

    def scored_by_level(self, levels: int, most: int) -> int:
        """Return how many held-out samples, and as many training samples, are looked at at so many levels."""
        return self._of(0.5 * TO_SCORE, 2 * levels, most)

    def scored_by_term(self, steps: int, available: int) -> int:
        """Return how many held-out samples have all terms of a chain of so many steps evaluated."""
        return self._of(0.5 * TO_SCORE, steps, min(available, SCORED_BY_TERM))

    def carried(self, samples: int) -> int:
        """Return in how many steps so many samples are carried."""
        return max(FEWEST_CARRIED, min(MOST_CARRIED, int(0.5 * TO_CARRY * self.budget) // max(1, samples)))

    def _of(self, share: float, calls: int, most: int) -> int:
        return min(most, max(FEWEST_SAMPLES, int(share * self.budget) // max(1, calls)))
