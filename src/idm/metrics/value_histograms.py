"""Whether samples have the values of data as often: brightness, contrast, and what clipping does to them."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from idm.metrics.by_sample import Look
from idm.metrics.comparison import Comparison, Kind, Statistic
from idm.metrics.evidence import Evidence

MOST_LEVELS = 512


@final
@dataclass(frozen=True)
class ValueHistograms(Comparison):
    """Wasserstein distance of the distributions of all values, mean over channels: how far values are moved.

    Attributes:
        bins: of continuous data, and of more than 512 levels, between the smallest and the largest real value.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("values", "how far values are moved on average, Wasserstein distance in [-1, 1]"),
    )
    sees: ClassVar[str] = "values"
    looks_by: ClassVar[tuple[str, ...]] = ("bins",)
    bins: Annotated[int, Ge(2)] = MOST_LEVELS

    def look(self, evidence: Evidence) -> Look:
        """See shares of the values of a sample up to the end of every bin, times the bin's width."""
        levels = evidence.levels
        if reads_extremes(levels):
            low, high = evidence.extremes
            bins = self.bins
        else:
            low, high, bins = -1.0, 1.0, levels or MOST_LEVELS
        width = max(high - low, 1e-12) / (bins - 1)  # between the middles of neighbours
        return lambda of: _shares(of.x, low, width, bins)

    def prepare(self, pool: Float[Tensor, "N b"]) -> Statistic:
        """Compare the mean of the shares: on a line the distance is the area between them."""
        total = pool.sum(0)

        def compare(first: Tensor) -> list[float]:
            side, count = pool[first].sum(0), int(first.sum())
            return [float((side / count - (total - side) / (len(pool) - count)).abs().sum())]

        return compare


def reads_extremes(levels: int | None) -> bool:
    """Whether bins of data of so many levels, or of none, lie between the smallest and the largest real value."""
    return levels is None or levels > MOST_LEVELS


def _shares(x: Tensor, low: float, width: float, bins: int) -> Float[Tensor, "n b"]:
    values = x.to("cpu").reshape(*x.shape[:2], -1)
    place = ((values - low) / width).round().long().clamp(0, bins - 1)
    counts = torch.zeros(*values.shape[:2], bins, dtype=torch.float64)
    counts.scatter_add_(2, place, torch.ones_like(place, dtype=torch.float64))
    below = counts.cumsum(2)[..., :-1] / values.shape[2]
    return (below * width / values.shape[1]).flatten(1)
