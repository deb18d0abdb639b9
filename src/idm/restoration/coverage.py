"""Whether regions drawn from a posterior hold the truth as often as they say: simulation-based calibration.

If x_0 comes from the data and o is observed of it, x_0 is one more draw from the posterior given o. Its rank among k
draws is then uniform on 0, ..., k (Cook, Gelman & Rubin 2006; Talts et al. 2018), value by value and in every
projection, and the interval between the l-th smallest and the l-th largest draw holds it with probability (k + 1 - 2 l)
/ (k + 1). This needs no exact answer, only data.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng

LEVELS = (0.5, 0.9, 0.99)
"""Shares of truths that regions are to hold, where there are draws enough; growing."""

MAIN_LEVEL = 0.9

NUM_BINS = 10
"""Most bins of rank histograms."""

STANDARD_ERRORS, LEAST_DIFFERENCE = 2.0, 0.02
"""Standard errors, and least share of truths, by which a coverage is off its level where it is called another."""

SAME_VALUE = 1e-4
"""Difference of two values in the model's range that tells nothing, 1/80 of a step of 256 levels."""


@dataclass(frozen=True)
class Region:
    """How often regions of a level hold the truth.

    Attributes:
        level: the share of cases in which they should.
        held: the share in which they do.
        error: standard error of ``held``, over cases.
    """

    level: float
    held: float
    error: float

    @property
    def verdict(self) -> str:
        """Say what is wrong with them, if anything."""
        allowed = max(STANDARD_ERRORS * self.error, LEAST_DIFFERENCE)
        if abs(self.held - self.level) <= allowed:
            return "as they should be"
        return "too narrow" if self.held < self.level else "too wide"

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{100 * self.level:.0f} % regions hold the truth in {100 * self.held:.0f} % of cases "
            f"(± {100 * self.error:.0f}): {self.verdict}"
        )


@dataclass(frozen=True)
class Calibration:
    """Ranks of truths among draws, of one kind of quantity.

    Attributes:
        regions: central intervals, by their level.
        histogram: counts of ranks, the lowest first; of calibrated draws it is flat. Two high ends: too narrow; high in
            the middle: too wide; a slope: the draws lie to one side.
    """

    regions: tuple[Region, ...]
    histogram: tuple[float, ...]

    @property
    def main(self) -> Region:
        """The region of 90 %, or of less where there are few draws."""
        return [region for region in self.regions if region.level <= MAIN_LEVEL][-1]

    @classmethod
    def of(cls, ranks: Float[Tensor, "n q"], counted: Bool[Tensor, " q"], num_draws: int) -> "Calibration":
        """Summarise the ranks of quantities that count, a row per case."""
        ranks = ranks[:, counted]
        regions = tuple(
            _region(held_in(ranks, num_draws, level), level) for level in LEVELS if num_draws >= least_draws(level)
        )
        bins = min(NUM_BINS, num_draws + 1)
        return cls(regions, tuple(torch.histc(ranks / (num_draws + 1), bins, 0.0, 1.0).tolist()))


@dataclass(frozen=True)
class Coverage:
    """What ranks say of draws.

    Attributes:
        num_cases: truths.
        num_draws: for each of them.
        values: of single values: intervals of each value of a sample that is not known anyway.
        projections: of sums of all values with random weights, in which errors of correlations show.
    """

    num_cases: int
    num_draws: int
    values: Calibration
    projections: Calibration

    @property
    def sentences(self) -> tuple[str, str]:
        """Say in plain words what regions are like, first those of values, then those of projections."""
        return str(self.values.main), f"in random projections, {self.projections.main}"

    def __str__(self) -> str:
        """Return the first sentence."""
        return self.sentences[0]

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self) | {"sentences": list(self.sentences)}


def coverage_of(
    truths: Float[Tensor, "n *shape"],
    draws: Float[Tensor, "n k *shape"],
    *,
    num_projections: int = 32,
    seed: int = 0,
) -> Coverage:
    """Rank truths among draws from their posteriors.

    Args:
        truths: one sample for each case.
        draws: k for each case, 19 or more for regions of 90 %, 199 for 99 %.
        num_projections: onto random directions, the same in all cases.
        seed: of the directions, and of ranks among equal values.

    Raises:
        SettingsError: too few draws for any region, or nothing that is not known.
    """
    truth, among = truths.flatten(1).double(), draws.flatten(2).double()
    number = among.shape[1]
    if number < least_draws(LEVELS[0]):
        raise SettingsError(f"draws: at least {least_draws(LEVELS[0])} of each wanted, got {number}")
    known = ((among - truth[:, None]).abs() <= SAME_VALUE).all(0).all(0)
    if bool(known.all()):
        raise SettingsError("operator: one that leaves something open wanted, all draws are the data themselves")
    weights = Rng.from_seed(seed, num_projections).normal("projections", 0, truth.shape[1:], torch.float64).to(truth)
    rng = Rng.from_seed(seed, len(truth))
    values, every = ranks_of(truth, among, rng, SAME_VALUE), torch.ones(num_projections, dtype=torch.bool)
    projections = ranks_of(truth @ weights.T, among @ weights.T, rng, 0.0)
    return Coverage(
        len(truth), number, Calibration.of(values, ~known, number), Calibration.of(projections, every, number)
    )


def ranks_of(
    truths: Float[Tensor, "n q"], draws: Float[Tensor, "n k q"], rng: Rng, same: float
) -> Float[Tensor, "n q"]:
    """Count the draws below each truth; of those within ``same`` of it a random number."""
    below = (draws < truths[:, None] - same).sum(1)
    equal = ((draws - truths[:, None]).abs() <= same).sum(1)
    at_random = rng.uniform("rank", 0, truths.shape[1]).to(truths)
    return below + ((equal + 1) * at_random).floor().clamp(max=equal)


def held_in(ranks: Tensor, num_draws: int, level: float) -> Tensor:
    """Whether truths of some ranks lie in central intervals of a level, 0 to 1.

    Between two intervals that are possible the answer is as much of the one as of the other as makes the level.
    """
    inner = torch.minimum(ranks, num_draws - ranks)
    wanted = (1.0 - level) * (num_draws + 1) / 2.0
    least = int(wanted + 1e-9)
    share = max(0.0, wanted - least)
    return (1.0 - share) * (inner >= least).double() + share * (inner >= least + 1).double()


def least_draws(level: float) -> int:
    """Number of draws between whose smallest and largest the truth lies with the probability ``level``."""
    return round(2.0 / (1.0 - level)) - 1


def _region(held: Tensor, level: float) -> Region:
    """Average over cases [n, q]; at least the error of independent quantities, were all as they should be."""
    cases = held.mean(1)
    spread = float(cases.var()) if len(cases) > 1 else 0.0
    least = level * (1.0 - level) / held.shape[1]
    return Region(level, float(cases.mean()), (max(spread, least) / len(cases)) ** 0.5)
