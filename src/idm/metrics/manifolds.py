"""Whether samples lie where data do, and data where samples do: balls around each, up to its k-th neighbour."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from idm.metrics.comparison import Comparison, Kind, Statistic
from idm.metrics.figure import Better
from idm.metrics.neighbours import Neighbours


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
            precision = (apart <= of_data).any(1).double().mean()
            recall = (apart <= of_samples[:, None]).any(0).double().mean()
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
        Kind("density", "balls of data that a sample is in, beside the number of neighbours", Better.NEAR_NULL),
        Kind("coverage", "share of balls of data with a sample in them", Better.HIGHER),
    )
    most: ClassVar[int] = 4_000
    k: Annotated[int, Ge(1)] = 5

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Find neighbours once."""
        near = Neighbours.of(pool)

        def compare(first: Tensor) -> list[float]:
            inside = near.distances[first][:, ~first] <= near.to_nearest(~first, self.k)
            return [float(inside.double().sum(1).mean()) / self.k, float(inside.any(0).double().mean())]

        return compare


@final
@dataclass(frozen=True)
class Diversity(Comparison):
    """How far each sample is from the nearest other sample: less than in data where they repeat themselves."""

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("diversity", "mean distance of a sample to the nearest other one", Better.NEAR_NULL),
    )
    most: ClassVar[int] = 4_000

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Find neighbours once."""
        near = Neighbours.of(pool)
        return lambda first: [float(near.to_nearest(first, 1).mean())]
