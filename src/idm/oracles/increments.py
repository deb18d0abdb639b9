"""Laws of the increments of Lévy walks: characteristic functions for the denoiser, latent variances for Gibbs sampling.

Each is a scale mixture of Gaussians: an increment is N(0, v) with a latent variance v of its own, of which the law says
how likely it is. Given all v a walk is Gaussian; given the walk (or what is observed of it) each v is drawn anew.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, final

import torch
from annotated_types import Gt, Le
from torch import Tensor

from idm.core.limits import refuse_out_of_range
from idm.core.rng import Rng


@dataclass(frozen=True)
class Evidence:
    """What is observed of increments u [b, d]: values = matrix u + noise n.

    Attributes:
        matrix: [m, d].
        values: [b, m], or [1, m] for all alike.
        noise: standard deviation, above 0.
    """

    matrix: Tensor
    values: Tensor
    noise: float

    def inverse(self, variances: Tensor) -> Tensor:
        """Inverse covariance [b, m, m] of the values, given the variances [b, d] of the increments."""
        return torch.cholesky_inverse(self.root(variances))

    def root(self, variances: Tensor) -> Tensor:
        """Cholesky factor [b, m, m] of that covariance."""
        white = self.noise**2 * torch.eye(len(self.matrix), dtype=variances.dtype)
        return torch.linalg.cholesky((self.matrix * variances[:, None]) @ self.matrix.T + white)


@dataclass(frozen=True)
class Increments(ABC):
    """A symmetric law of increments."""

    def __post_init__(self) -> None:
        """Refuse parameters beyond their ranges."""
        refuse_out_of_range(type(self), vars(self))

    @property
    @abstractmethod
    def variance(self) -> float:
        """Variance of an increment."""

    @abstractmethod
    def characteristic(self, frequency: Tensor) -> Tensor:
        """E exp(i frequency u), which is real."""

    @abstractmethod
    def first_variances(self, rng: Rng, number: int) -> Tensor:
        """Latent variances [b, number] drawn from the law."""

    @abstractmethod
    def next_variances(self, variances: Tensor, increments: Tensor, seen: Evidence, rng: Rng, sweep: int) -> Tensor:
        """Draw them anew, given the increments [b, d], or what is seen of them if they are left out."""


@final
@dataclass(frozen=True)
class GaussianIncrements(Increments):
    """N(0, scale^2): a random walk whose posterior has a closed form.

    Attributes:
        scale: standard deviation.
    """

    scale: Annotated[float, Gt(0)] = 0.25

    @property
    def variance(self) -> float:
        """Its square."""
        return self.scale**2

    def characteristic(self, frequency: Tensor) -> Tensor:
        """exp(-scale^2 frequency^2 / 2)."""
        return torch.exp(-0.5 * (self.scale * frequency).square())

    def first_variances(self, rng: Rng, number: int) -> Tensor:
        """They are no random variables."""
        return torch.full((len(rng.seeds), number), self.variance, dtype=torch.float64)

    def next_variances(self, variances: Tensor, increments: Tensor, seen: Evidence, rng: Rng, sweep: int) -> Tensor:
        """Leave them."""
        return variances


@final
@dataclass(frozen=True)
class LaplaceIncrements(Increments):
    """Density exp(-|u| / scale) / (2 scale): variances are exponential with mean 2 scale^2.

    Given u, 1 / v is inverse Gaussian with mean 1 / (scale |u|) and shape 1 / scale^2 (Park & Casella 2008, section 2).

    Attributes:
        scale: mean of |u|.
    """

    scale: Annotated[float, Gt(0)] = 0.18

    @property
    def variance(self) -> float:
        """2 scale^2."""
        return 2.0 * self.scale**2

    def characteristic(self, frequency: Tensor) -> Tensor:
        """1 / (1 + scale^2 frequency^2)."""
        return 1.0 / (1.0 + (self.scale * frequency).square())

    def first_variances(self, rng: Rng, number: int) -> Tensor:
        """Draw exponential variances."""
        return -self.variance * torch.log1p(-rng.uniform("first variances", 0, number))

    def next_variances(self, variances: Tensor, increments: Tensor, seen: Evidence, rng: Rng, sweep: int) -> Tensor:
        """Draw the inverse of an inverse Gaussian (Michael, Schucany & Haas 1976), without cancellation where u is 0.

        With g = 1 / mean and chi = z^2 / shape, the roots of their quadratic are reciprocals of ``larger`` and
        g^2 / ``larger``; the first is taken with probability larger / (larger + g).
        """
        of_mean = self.scale * increments.abs()
        chi = rng.normal("variances", sweep, increments.shape[1:], torch.float64).square() * self.scale**2
        larger = of_mean + 0.5 * (chi + (chi.square() + 4.0 * chi * of_mean).sqrt())
        first = rng.uniform("root", sweep, increments.shape[1]) * (larger + of_mean) <= larger
        return torch.where(first, larger, of_mean.square() / larger)


@final
@dataclass(frozen=True)
class JumpIncrements(Increments):
    """0, or with some probability N(0, scale^2): piecewise constant walks (Bernoulli-Gaussian increments).

    Jumps are drawn one by one with all sizes integrated out: given a size that is not 0 there is a jump, and a chain
    that draws sizes and jumps in turn never moves.

    Attributes:
        probability: of a jump at a place.
        scale: standard deviation of a jump.
    """

    probability: Annotated[float, Gt(0), Le(1)] = 0.3
    scale: Annotated[float, Gt(0)] = 0.45

    @property
    def variance(self) -> float:
        """Probability times scale^2."""
        return self.probability * self.scale**2

    def characteristic(self, frequency: Tensor) -> Tensor:
        """1 - probability + probability exp(-scale^2 frequency^2 / 2)."""
        return 1.0 - self.probability + self.probability * torch.exp(-0.5 * (self.scale * frequency).square())

    def first_variances(self, rng: Rng, number: int) -> Tensor:
        """Draw where jumps are."""
        return self.scale**2 * (rng.uniform("first variances", 0, number) < self.probability).double()

    def next_variances(self, variances: Tensor, increments: Tensor, seen: Evidence, rng: Rng, sweep: int) -> Tensor:
        """Draw each jump given all others and what is seen, by rank-one changes of the inverse covariance.

        With h the column of a place, q = h' C^-1 h and g = h' C^-1 values for the covariance C without its jump, the
        odds of a jump are p / (1 - p) (1 + s^2 q)^(-1/2) exp(s^2 g^2 / (2 (1 + s^2 q))).
        """
        size, uniform = self.scale**2, rng.uniform("jumps", sweep, variances.shape[1])
        variances, inverse = variances.clone(), seen.inverse(variances)
        for place in range(variances.shape[1]):
            there = variances[:, place] > 0
            of_column = inverse @ seen.matrix[:, place]
            q, g = of_column @ seen.matrix[:, place], (of_column * seen.values).sum(1)
            without = torch.where(there, 1.0 / (1.0 - size * q), 1.0)
            more = 1.0 + size * q * without
            chance = torch.logit(torch.tensor(self.probability, dtype=torch.float64)) - 0.5 * torch.log(more)
            jump = uniform[:, place] < torch.sigmoid(chance + 0.5 * size * (g * without).square() / more)
            change = torch.where(jump, -size / (1.0 + size * q), size / (1.0 - size * q)) * (jump != there)
            inverse = inverse + change[:, None, None] * of_column[:, :, None] * of_column[:, None, :]
            variances[:, place] = size * jump.double()
        return variances
