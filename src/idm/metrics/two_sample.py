"""Can a classifier tell samples from data? A two-sample test by classification (Lopez-Paz & Oquab 2017)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import torch
from annotated_types import Gt
from jaxtyping import Bool, Float
from torch import Tensor

from idm.metrics.comparison import Comparison, Kind, Statistic


@final
@dataclass(frozen=True)
class TwoSample(Comparison):
    """A linear discriminant of the features and of their squares; every row is judged by one that has not seen it.

    Its solution without a row follows from that with it, so that leaving out each in turn costs one fit (Allen 1974).

    Attributes:
        ridge: added to the variance of every feature, beside 1.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("two_sample", "how often a classifier takes a sample for one rather than a real one; 0.5 is chance"),
    )
    most: ClassVar[int] = 10_000
    ridge: Annotated[float, Gt(0.0)] = 0.05

    def prepare(self, pool: Float[Tensor, "N d"]) -> Statistic:
        """Solve for all labels once: the inputs are the same whichever rows are on which side."""
        inputs = _scaled(torch.cat([pool, _scaled(pool).square()], dim=1))
        solved = _regressed(inputs, self.ridge * len(pool))
        # How much a row says of itself; all columns are of mean 0, so that the intercept is the mean of the labels.
        own = (inputs * solved.T).sum(1) + 1.0 / len(pool)

        def compare(first: Tensor) -> list[float]:
            count = int(first.sum())
            told = torch.where(first, 1.0 / count, -1.0 / (len(pool) - count)).to(inputs)
            unseen = (told.mean() + inputs @ (solved @ told) - own * told) / (1.0 - own).clamp(min=1e-9)
            return [area_under_curve(unseen, first)]

        return compare


def _regressed(inputs: Float[Tensor, "N p"], penalty: float) -> Float[Tensor, "p N"]:
    """Return what makes weights of labels: (Z'Z + c)^-1 Z' = Z' (ZZ' + c)^-1, whichever system is the smaller one."""
    if inputs.shape[0] < inputs.shape[1]:
        products = inputs @ inputs.T
        return torch.linalg.solve(products + penalty * torch.eye(len(products)).to(products), inputs).T
    products = inputs.T @ inputs
    return torch.linalg.solve(products + penalty * torch.eye(len(products)).to(products), inputs.T)


def area_under_curve(scores: Float[Tensor, " N"], first: Bool[Tensor, " N"]) -> float:
    """Return how often a row of the first side scores higher than one of the other; equal scores count half."""
    ordered = scores.sort().values
    below, above = torch.searchsorted(ordered, scores), torch.searchsorted(ordered, scores, right=True)
    ranks = 0.5 * (below + above + 1)[first].double()  # of equal scores the mean of theirs
    n = len(ranks)
    return float((ranks.sum() - 0.5 * n * (n + 1)) / (n * (len(scores) - n)))


def _scaled(x: Tensor) -> Tensor:
    """Bring every column to mean 0 and deviation 1; a constant one to 0."""
    centred = x - x.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp(min=1e-9)
