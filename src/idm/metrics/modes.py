"""Whether samples and data fill the same modes: a class that is missing, or drawn too often, shows here first.

As with the bins of Richardson & Weiss (2018), clusters are found and each side's share of them is compared. Here they
are found in both sides together, without knowing which row is of which side, so that both may change places; and
several times, as one clustering may cut a class in two.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import numpy as np
import torch
from annotated_types import Ge
from jaxtyping import Bool, Float
from sklearn.cluster import KMeans
from torch import Tensor

from idm.core.rng import derive_seed
from idm.metrics.comparison import Comparison, Kind, Statistic

MOST_BINS = 100
"""Most clusters of one clustering."""


@final
@dataclass(frozen=True)
class Modes(Comparison):
    """The cluster of features with the most unlikely share of samples.

    Where sides are dealt at random, n of N rows on the first, a cluster of m rows has m n / N of these, with the
    variance m n (N - m) (N - n) / (N² (N - 1)), of the hypergeometric distribution. The figure is the largest deviation
    from that, in standard deviations, over all clusters of all clusterings.

    Attributes:
        rows_per_bin: mean number of rows, of both sides, in a cluster; there are 2 clusters at least, and 100 at most.
        clusterings: how often clusters are found anew.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind(
            "modes",
            "how far the share of samples in a cluster is off, at its farthest, in standard deviations (sd)",
            unit="sd",
        ),
    )
    most: ClassVar[int] = 4_000
    rows_per_bin: Annotated[int, Ge(1)] = 24
    clusterings: Annotated[int, Ge(1)] = 10

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Find clusters once, whichever rows are on which side."""
        number = len(pool)
        members = self._members(pool)
        sizes = members.sum(1)

        def compare(first: Bool[Tensor, " N"]) -> list[float]:
            share = float(first.sum()) / number
            variance = sizes * (number - sizes) * share * (1.0 - share) / (number - 1)
            apart = (members @ first.to(members) - share * sizes).abs()
            return [float((apart / variance.clamp(min=1e-9).sqrt()).max())]

        return compare

    def _members(self, pool: Float[Tensor, "N d"]) -> Float[Tensor, "clusters N"]:
        """Return which rows, 1 or 0, are in which cluster of which clustering.

        Rows are put in an order of their own first, as what k-means finds depends on it.
        """
        rows = pool.double().numpy()
        order = np.argsort(rows @ np.random.default_rng(derive_seed(0, "modes")).normal(size=rows.shape[1]))
        bins = min(MOST_BINS, max(2, len(rows) // self.rows_per_bin), len(np.unique(rows, axis=0)))
        found = np.empty((self.clusterings, len(rows)), np.int64)
        for seed, labels in enumerate(found):
            labels[order] = KMeans(bins, n_init="auto", random_state=seed).fit_predict(rows[order])
        return torch.from_numpy((found[:, None] == np.arange(bins)[:, None]).reshape(-1, len(rows))).double()
