"""How far the distribution of samples is from that of data: the Fréchet distance of Gaussians on features.

With few values per sample, principal components of the training data take the place of a network's features (Heusel et
al. 2017), which know nothing of other data than photographs. The distance grows with the number of values and falls
with that of samples: compare it with that of data drawn again at the same number.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.text import counted
from idm.metrics.comparison import Comparison, Kind, Statistic
from idm.metrics.evidence import Evidence, Moments, Setup
from idm.metrics.figure import Figure
from idm.metrics.moments import moments_of


@final
@dataclass(frozen=True)
class Frechet(Comparison):
    """Squared Fréchet distance of the Gaussians with mean and covariance of the features (Heusel et al. 2017)."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind("frechet", "squared Fréchet distance of Gaussians of the features"),)

    def check(self, setup: Setup) -> None:
        """Refuse no more samples than features: their covariance has directions of no variance, whatever the truth."""
        super().check(setup)
        count = min(setup.num_samples, setup.num_real // 2)
        if count <= setup.num_features:
            more = "" if setup.limit else f"{setup.more}, or "
            raise SettingsError(
                f"{setup.refused}more than the {setup.num_features} features wanted for metrics=frechet, "
                f"as fewer have a degenerate covariance, got {count} beside as many of {setup.num_real} real "
                f"ones{setup.limit}; "
                f"{more}compare fewer features, such as features=pca:{max(1, count // 10)}"
            )

    def measure(self, evidence: Evidence) -> list[Figure]:
        """Compare as all comparisons do, where there are rows, and with moments of all real data, where these are."""
        found = super().measure(evidence) if evidence.has_real or evidence.moments is None else []
        if evidence.moments is None:
            return found
        ours = evidence.drawn_moments or moments_of([self._rows(evidence)])
        return found if ours is None else [*found, _from_moments(ours, evidence.moments)]

    def _rows(self, evidence: Evidence) -> Tensor:
        known = evidence.drawn_rows.get(self.sight)
        return evidence.features(evidence.samples.x) if known is None else known

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Sum moments of the pool once; the second side has what the first one leaves of them."""
        pool = pool - pool.mean(0)
        total, squares = pool.sum(0), pool.T @ pool

        def compare(first: Tensor) -> list[float]:
            side = pool[first]
            ours = side.sum(0), side.T @ side
            theirs = total - ours[0], squares - ours[1]
            moments = [_moments(*sums, count) for sums, count in ((ours, len(side)), (theirs, len(pool) - len(side)))]
            return [_distance(*moments[0], *moments[1])]

        return compare


def frechet_distance(first: Float[Tensor, "n k"], second: Float[Tensor, "m k"]) -> float:
    """Squared Fréchet distance of the Gaussians with the samples' means and unbiased covariances.

    |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1^(1/2) C_2 C_1^(1/2))^(1/2)) (Dowson & Landau 1982), with roots of symmetric
    matrices, which are real whatever rounding does. Nothing is added to the covariances.

    Raises:
        SettingsError: no more samples than values, of which the covariance says nothing.
    """
    for x in (first, second):
        if len(x) <= x.shape[1]:
            raise SettingsError(f"samples: more than their {x.shape[1]} features wanted, got {len(x)}")
    first, second = first.double(), second.double()
    of_first, of_second = torch.atleast_2d(torch.cov(first.T)), torch.atleast_2d(torch.cov(second.T))
    return _distance(first.mean(0), of_first, second.mean(0), of_second)


def _from_moments(ours: Moments, real: Moments) -> Figure:
    """Return the distance of moments of all samples from those of real data, as papers give it."""
    parts = (part.double() for part in (ours.mean, ours.covariance, real.mean, real.covariance))
    value = _distance(*parts)
    sizes = f"{counted(ours.num, 'sample')} and the moments of {real.num:,} real"
    note = f"the same of {sizes}; it grows where samples are fewer, and has no null"
    return Figure("frechet_moments", value, note=note)


def _distance(mean: Tensor, of_first: Tensor, other: Tensor, of_second: Tensor) -> float:
    """Return the distance of two means and covariances."""
    root = _factor(of_first)
    cross = torch.linalg.eigvalsh(root.T @ of_second @ root).clamp(min=0.0).sqrt().sum()
    apart = (mean - other).square().sum()
    return max(0.0, float(apart + of_first.trace() + of_second.trace() - 2.0 * cross))


def _moments(total: Tensor, squares: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return mean and unbiased covariance of ``count`` rows from their sum and the sum of their products."""
    mean = total / count
    return mean, (squares - count * torch.outer(mean, mean)) / (count - 1)


def _factor(covariance: Tensor) -> Tensor:
    """Return F with F F' the covariance: every such F leaves the eigenvalues of F' C F the same.

    That of Cholesky is many times faster than the symmetric root, which there is of directions without variance, too.
    """
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not int(failed):
        return lower
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
