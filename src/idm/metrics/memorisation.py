"""Are samples copies? Their distances to the nearest training data beside those of held-out data.

Samples that are as good as data lie as near to the training data as held-out data do: then either is nearer in half of
all pairs. Samples that are nearer more often are copied (Meehan et al. 2020).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.text import counted
from idm.metrics.by_sample import BySample, Look
from idm.metrics.evidence import Evidence, Labelled, Needs
from idm.metrics.figure import Figure, Null
from idm.metrics.two_sample import area_under_curve

SAMPLES_PER_CALL = 1024
"""Samples that are looked at together."""

NEAREST_SHARE = 0.01
"""Held-out data that are nearer than all others of them; a sample that is as near counts as a copy."""


@final
@dataclass(frozen=True)
class Memorisation(BySample):
    """Whether samples are nearer to the training data than held-out data are, in the root mean square of values."""

    needs: ClassVar[Needs] = Needs.SAMPLES | Needs.HELD_OUT | Needs.TRAINING
    sees: ClassVar[str] = "nearest"
    look_needs: ClassVar[Needs] = Needs.TRAINING
    look_reads_extremes: ClassVar[bool] = False

    def look(self, evidence: Evidence) -> Look:
        """See how far the nearest of the training data is."""
        training = evidence.training.x.flatten(1).to("cpu", torch.float64)
        return lambda of: to_nearest(of.x.flatten(1), training)[:, None]

    def beside(self, evidence: Evidence) -> Labelled:
        """Return held-out data."""
        return evidence.held_out

    def judge(self, rows: Float[Tensor, "n k"], real: Float[Tensor, "m k"], evidence: Evidence) -> list[Figure]:
        """Return how often a sample is nearer, and the share of samples that are copies."""
        training = evidence.training.x
        ours, theirs = rows[:, 0].double(), real[:, 0].double()
        n, m = len(ours), len(theirs)
        nearer = area_under_curve(-torch.cat([ours, theirs]), torch.arange(n + m) < n)
        spread = math.sqrt((n + m + 1) / (12.0 * n * m))  # of the rank sum, where both are of one distribution
        p_value = 1.0 - NormalDist(0.5, spread).cdf(nearer)
        null = Null(0.5, 0.5 - 1.96 * spread, 0.5 + 1.96 * spread, 0, p_value)
        sizes = f"{counted(n, 'sample')}, {m:,} held out, {len(training):,} for training"
        said = f"how often a sample is nearer to training data than held-out data are; {sizes}"
        near = theirs.quantile(NEAREST_SHARE)
        copies = f"samples no farther from training data than the nearest {NEAREST_SHARE:.0%} of held-out data"
        return [
            Figure("memorisation", nearer, _error(ours, theirs), note=said, null=null, num=len(ours)),
            Figure.mean_of("copies", (ours <= near).double(), form=".1%", note=copies),
        ]


@final
@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest data of every sample, growing.

    Attributes:
        distances: root mean square distances.
        rows: which of the data they are.
    """

    distances: Float[Tensor, "n k"]
    rows: Int[Tensor, "n k"]


def nearest(x: Float[Tensor, "n *shape"], data: Float[Tensor, "m *shape"], count: int = 1) -> Nearest:
    """Find the ``count`` nearest of the data of every sample, or all where there are fewer."""
    flat, known = x.flatten(1).to("cpu", torch.float64), data.flatten(1).to("cpu", torch.float64)
    mode, count = "donot_use_mm_for_euclid_dist", min(count, len(known))  # which has copies at 0, and not near it
    parts = [
        torch.cdist(part, known, compute_mode=mode).topk(count, dim=1, largest=False)
        for part in flat.split(SAMPLES_PER_CALL)
    ]
    distances = torch.cat([part.values for part in parts]) / math.sqrt(flat.shape[1])
    return Nearest(distances, torch.cat([part.indices for part in parts]))


def to_nearest(x: Float[Tensor, "n *shape"], data: Float[Tensor, "m *shape"]) -> Float[Tensor, " n"]:
    """Return the root mean square distance of every sample to the nearest of the data."""
    return nearest(x, data).distances[:, 0]


def _error(ours: Tensor, theirs: Tensor) -> float:
    """Return the standard error of the share of pairs (DeLong et al. 1988)."""
    n, m = len(ours), len(theirs)
    if min(n, m) < 2:
        return math.nan
    of_ours = 1.0 - torch.searchsorted(theirs.sort().values, ours).double() / m
    of_theirs = torch.searchsorted(ours.sort().values, theirs).double() / n
    return math.sqrt(float(of_ours.var() / n + of_theirs.var() / m))
