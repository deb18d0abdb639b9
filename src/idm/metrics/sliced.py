"""How far two clouds of points are apart: the sliced Wasserstein distance."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.metrics.comparison import Comparison, Kind, Statistic

USUAL_DIRECTIONS = 64


@final
@dataclass(frozen=True)
class SlicedWasserstein(Comparison):
    """Mean Wasserstein-1 distance of the features' projections.

    Attributes:
        directions: number of directions that are projected onto.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("sliced_wasserstein", "mean Wasserstein distance of the features' projections"),
    )
    directions: Annotated[int, Ge(1)] = USUAL_DIRECTIONS

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Put the projections of the pool in order once; whose they are is all that changes."""
        ordered = (pool.double() @ unit_vectors(self.directions, pool.shape[1], 0).T).T.sort(1)
        gaps = torch.diff(ordered.values, dim=1)

        def compare(first: Tensor) -> list[float]:
            mine = first[ordered.indices].double()
            apart = mine.cumsum(1) / mine.sum(1, keepdim=True) - (1.0 - mine).cumsum(1) / (~first).sum()
            return [float((apart[:, :-1].abs() * gaps).sum(1).mean())]

        return compare


def sliced_wasserstein(
    first: Float[Tensor, "*batch n d"],
    second: Float[Tensor, "*batch m d"],
    *,
    num_directions: int = USUAL_DIRECTIONS,
    seed: int = 0,
) -> Float[Tensor, "*batch"]:
    """Mean, over random directions, of the Wasserstein-1 distance of the points' projections.

    On a line that distance is the mean difference of quantiles, exactly, for any numbers of points (Bonneel et al.
    2015). Two clouds from one distribution are not at 0: compare with the distance of such two, its floor. (Order 1, as
    a share p of points in the wrong one of two modes counts as p, not as its root.)

    Args:
        first: points, in batches or not.
        second: others, of as many values.
        num_directions: drawn uniformly; in one dimension there is but one.
        seed: of the directions.

    Raises:
        SettingsError: no points.
    """
    if not (first.shape[-2] and second.shape[-2]):
        raise SettingsError(f"points: some wanted on both sides, got {first.shape[-2]} and {second.shape[-2]}")
    directions = unit_vectors(num_directions, first.shape[-1], seed).to(first.device, torch.float64)
    # Projections [..., directions, points], in order; at a share of the points each is a quantile.
    a, b = ((points.double() @ directions.T).mT.sort(-1).values for points in (first, second))
    n, m = a.shape[-1], b.shape[-1]
    ends = torch.cat(
        [torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]
    ).unique()  # of n m, where quantiles change
    shares = torch.diff(ends, prepend=ends.new_zeros(1)).to(a) / (n * m)
    below = (ends - 1).to(a.device)
    apart = (a[..., below // m] - b[..., below // n]).abs() @ shares.to(a.device)
    return apart.mean(-1)


def unit_vectors(number: int, dimension: int, seed: int) -> Float[Tensor, "k d"]:
    """Draw directions uniformly; in one dimension the only one."""
    if dimension == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    drawn = Rng.from_seed(seed, number).normal("directions", 0, (dimension,), torch.float64)
    return drawn / drawn.norm(dim=1, keepdim=True).clamp(min=math.sqrt(torch.finfo(torch.float64).tiny))
