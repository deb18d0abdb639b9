"""Mean and covariance of features of more samples than are held at once."""

from collections.abc import Iterable
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.metrics.evidence import Moments

MOST_FEATURES = 4_096
"""Most features whose covariance is kept: 128 MiB of it."""


@final
class MomentSums:
    """Sums of features and of their products, about the mean of the first piece, so that little is lost by rounding."""

    def __init__(self, first: Float[Tensor, "n d"]) -> None:
        """Begin with a piece of the features."""
        self._centre = first.double().mean(0)
        self._total, self._products = torch.zeros_like(self._centre), torch.zeros(2 * self._centre.shape).double()
        self._num = 0
        self.add(first)

    def add(self, rows: Float[Tensor, "n d"]) -> None:
        """Count more of them."""
        apart = rows.double() - self._centre
        self._total += apart.sum(0)
        self._products += apart.T @ apart
        self._num += len(rows)

    @property
    def moments(self) -> Moments | None:
        """Mean and unbiased covariance; None of fewer than two samples."""
        if self._num < 2:
            return None
        mean = self._total / self._num
        covariance = (self._products - self._num * torch.outer(mean, mean)) / (self._num - 1)
        return Moments(self._centre + mean, covariance, self._num)


def moments_of(pieces: Iterable[Float[Tensor, "n d"]]) -> Moments | None:
    """Return the moments of features that come in pieces; None of more than 4,096 features, or of a single sample."""
    sums: MomentSums | None = None
    for rows in pieces:
        if rows.shape[1] > MOST_FEATURES:
            return None
        if sums is None:
            sums = MomentSums(rows)
        else:
            sums.add(rows)
    return None if sums is None else sums.moments
