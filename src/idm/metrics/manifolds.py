"""Whether samples lie where data do, and data where samples do: balls around each, up to its k-th neighbour."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from idm.metrics.comparison import Comparison, Kind, Statistic
from idm.metrics.figure import Better
from idm.metrics.neighbours import Neighbours

REACH = 1.0 + 1e-6
"""Distances that are the same but for rounding, as after a rotation, are within reach."""

LEAST_DISTANCE = 1e-12
"""What distances are divided by at the least, where all data are the same."""


@final
@dataclass(frozen=True)
class PrecisionRecall(Comparison):
    """Precision and recall of Kynkäänniemi et al. (2019).

    Attributes:
        k: a ball reaches to the k-th nearest on its own side.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("precision", "share of samples in a ball of data", Better.HIGHER),
        Kind("recall", "share of data in a ball of samples", Better.HIGHER),
    )
    most: ClassVar[int] = 4_000
    k: Annotated[int, Ge(1)] = 3

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Find neighbours once."""
        near = Neighbours.of(pool)

        def compare(first: Tensor) -> list[float]:
            apart = near.distances[first][:, ~first]  # [samples, data]
            of_samples, of_data = near.to_nearest(first, self.k), near.to_nearest(~first, self.k)
            precision = (apart <= REACH * of_data).any(1).double().mean()
            recall = (apart <= REACH * of_samples[:, None]).any(0).double().mean()
            return [float(precision), float(recall)]

        return compare


@final
@dataclass(frozen=True)
class DensityCoverage(Comparison):
    """Density and coverage of Naeem et al. (2020), which single outliers among the data do not change much.

    Attributes:
        k: a ball reaches to the k-th nearest of the data.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("density", "samples in a ball of data, by k", Better.NEAR_NULL),
        Kind("coverage", "share of balls of data with a sample in them", Better.HIGHER),
    )
    most: ClassVar[int] = 4_000
    k: Annotated[int, Ge(1)] = 5

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Find neighbours once."""
        near = Neighbours.of(pool)

        def compare(first: Tensor) -> list[float]:
            reach = near.to_nearest(~first, self.k)
            inside = near.distances[first][:, ~first] <= REACH * reach
            return [int(inside.sum()) / (self.k * len(inside)), float(inside.any(0).double().mean())]

        return compare


@final
@dataclass(frozen=True)
class Diversity(Comparison):
    """How far each sample is from the nearest other sample, beside as many data: less where they repeat themselves.

    Samples alone would say how varied they are, and not whether chance explains it: their null, of parts of the same
    data, scatters less than that of data drawn anew.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind(
            "diversity", "mean distance to the nearest other one, of samples by that of as many data", Better.NEAR_NULL
        ),
    )
    most: ClassVar[int] = 4_000

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Find neighbours once."""
        near = Neighbours.of(pool)

        def compare(first: Tensor) -> list[float]:
            as_many = ~first & ((~first).cumsum(0) <= first.sum())  # the pool is in no order
            ours, theirs = (float(near.to_nearest(side, 1).mean()) for side in (first, as_many))
            return [ours / max(theirs, LEAST_DISTANCE)]

        return compare
