"""Nearest neighbours in a pool of which some rows are on one side, and the others on the other."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NUM_NEAREST = 96
"""Neighbours that are kept in order; those of a side are found among them, or else among all."""


@final
@dataclass(frozen=True, eq=False)
class Neighbours:
    """Distances of all pairs of a pool.

    Attributes:
        distances: of all pairs [N, N].
        order: the nearest rows of each, itself left out, growing [N, L].
    """

    distances: Float[Tensor, "N N"]
    order: Int[Tensor, "N L"]

    @classmethod
    def of(cls, pool: Float[Tensor, "N d"]) -> "Neighbours":
        """Compute them, exactly: rows that are equal are at 0."""
        distances = torch.cdist(pool, pool, compute_mode="donot_use_mm_for_euclid_dist")
        return cls(distances, _sorted(distances, min(NUM_NEAREST, len(pool) - 1)))

    def to_nearest(self, side: Bool[Tensor, " N"], k: int) -> Float[Tensor, " n"]:
        """Return the distance of each row of a side to its k-th nearest other row of that side.

        Of fewer than k others it is that to the farthest.
        """
        rows = torch.nonzero(side).flatten()
        k = min(k, len(rows) - 1)
        if k < 1:
            return self.distances.new_zeros(len(rows))
        order = self.order[rows, : _enough(k, len(rows) / len(side))]
        if int(side[order].sum(1).min()) < k:
            inside = self.distances[rows][:, rows].fill_diagonal_(torch.inf)  # a copy: the side is small, or far apart
            return inside.kthvalue(k, dim=1).values
        rank = side[order].cumsum(1)
        place = (rank >= k).int().argmax(1, keepdim=True)  # the first such place
        return self.distances[rows[:, None], order.gather(1, place)].squeeze(1)


def _enough(k: int, share: float) -> int:
    """Return how many of the nearest rows are looked at for k of a side that has a share of all: few miss any."""
    return math.ceil(4.0 * k / share) + 8


def _sorted(distances: Tensor, number: int) -> Int[Tensor, "N L"]:
    """Return the nearest rows of each but itself."""
    others = distances.clone().fill_diagonal_(torch.inf)
    return others.topk(number, dim=1, largest=False).indices
