"""How far A x_0 may lie from what a denoiser found, given x_t: answers of growing cost."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import final

import torch
from torch import Tensor

from idm.restoration.methods.linearised import Linearised
from idm.restoration.observation import Observation, over
from idm.restoration.operators.base import LinearOperator, inverted
from idm.schedules import Level

SMALLEST_SHARE = 1e-6
"""Smallest variance that is taken, as a share of kappa^2: a network's derivative may be 0 or negative."""


@dataclass(frozen=True)
class Spread:
    """Covariance of o given x_t, in coordinates in which it is diagonal.

    Attributes:
        precisions: inverse of the variances there, of a shape that broadcasts over the coordinates; 0 where there is
            nothing to say.
        rotate: turns observations into these coordinates, orthonormally.
        rotate_back: turns them back.
    """

    precisions: Tensor
    rotate: Callable[[Tensor], Tensor]
    rotate_back: Callable[[Tensor], Tensor]

    def solve(self, missing: Tensor) -> Tensor:
        """Return its inverse times observations."""
        return self.rotate_back(self.rotate(missing) * self.precisions)

    def log_density(self, missing: Tensor) -> Tensor:
        """Log-density [b] of o at a distance from its mean, up to a constant that all x_t share."""
        precisions = self.precisions.expand_as(missing)
        logarithm = torch.where(precisions > 0, precisions, 1.0).log()
        return 0.5 * (logarithm - self.rotate(missing).square() * precisions).flatten(1).sum(1)


class Covariance(ABC):
    """A way to find the spread of o given x_t."""

    @abstractmethod
    def spread(self, seen: Linearised, at: Level, observation: Observation) -> Spread:
        """Return the covariance of o given x_t.

        Args:
            seen: what was found in x_t.
            at: its level.
            observation: of a linear operator.
        """


@final
@dataclass(frozen=True)
class Isotropic(Covariance):
    """r^2 A A^T + s^2 I: values of x_0 are taken to be independent, of the same variance (Song et al. 2023)."""

    def spread(self, seen: Linearised, at: Level, observation: Observation) -> Spread:
        """Invert in closed form."""
        operator, o = _linear(observation), observation.values
        precisions = inverted(operator.eigenvalues(o), over(seen.variance, o), observation.variance)
        return Spread(precisions, operator.rotate, operator.rotate_back)


@final
@dataclass(frozen=True)
class RowSums(Covariance):
    """Sums of the rows of A Cov A^T on a diagonal, and s^2 I: one product with the derivative (Boys et al. 2024).

    Too much or too little where numbers of an observation depend on each other, as those of a blur do.
    """

    def spread(self, seen: Linearised, at: Level, observation: Observation) -> Spread:
        """Multiply by ones."""
        operator, o = _linear(observation), observation.values
        sums = operator.apply(seen.covary(operator.adjoint(torch.ones_like(o))))
        return Spread(1.0 / (_floored(sums, at) + observation.variance), _same, _same)


@final
@dataclass(frozen=True)
class Full(Covariance):
    """A Cov A^T + s^2 I itself: as many products with the derivative as there are numbers in an observation."""

    def spread(self, seen: Linearised, at: Level, observation: Observation) -> Spread:
        """Find it column by column, and its eigenvectors."""
        operator, o = _linear(observation), observation.values
        size = o[0].numel()
        units = torch.eye(size, dtype=o.dtype, device=o.device).view(size, 1, *o.shape[1:])
        columns = [operator.apply(seen.covary(operator.adjoint(unit.expand_as(o)))) for unit in units]
        matrix = torch.stack([column.flatten(1) for column in columns], dim=2)
        values, vectors = torch.linalg.eigh(0.5 * (matrix + matrix.mT))

        def rotate(values: Tensor) -> Tensor:
            return (values.flatten(1)[:, None] @ vectors).view(values.shape)

        def rotate_back(values: Tensor) -> Tensor:
            return (values.flatten(1)[:, None] @ vectors.mT).view(values.shape)

        return Spread((1.0 / (_floored(values, at) + observation.variance)).view(o.shape), rotate, rotate_back)


@final
@dataclass(frozen=True)
class BySize(Covariance):
    """``Full`` where an observation has few numbers, ``Isotropic`` where products for each would take too long.

    Attributes:
        most: numbers that are few.
    """

    most: int = 16

    def spread(self, seen: Linearised, at: Level, observation: Observation) -> Spread:
        """Choose by the size of one observation."""
        rule = Full() if observation.values[0].numel() <= self.most else Isotropic()
        return rule.spread(seen, at, observation)


@unique
class CovarianceRule(Enum):
    """Names of them: ISOTROPIC, ROWS, FULL, and BY_SIZE, which is FULL for at most 16 numbers and else ISOTROPIC."""

    ISOTROPIC = Isotropic()
    ROWS = RowSums()
    FULL = Full()
    BY_SIZE = BySize()


def _floored(variances: Tensor, at: Level) -> Tensor:
    """Keep variances above a share of kappa^2."""
    least = SMALLEST_SHARE * at.kappa.square().clamp(max=1.0)
    return torch.maximum(variances, over(least.to(variances), variances))


def _same(values: Tensor) -> Tensor:
    return values


def _linear(observation: Observation) -> LinearOperator:
    assert isinstance(observation.operator, LinearOperator)
    return observation.operator
