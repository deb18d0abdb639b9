"""Exact posteriors: what is known of data of a known distribution after o = A x_0 + s n, with standard normal n.

Bayes' rule for Gaussians: with C the covariance of x_0 and S = A C A^T + s^2 I, the posterior has mean
m + C A^T S^-1 (o - A m), covariance C - C A^T S^-1 A C, and p(o) = N(o; A m, S). Of a mixture each component has its
own, and a weight times its p(o).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.core.types import Images
from idm.oracles.field import GaussianFieldDenoiser
from idm.oracles.gaussian import GaussianDenoiser
from idm.oracles.mixture import MixtureDenoiser


@final
@dataclass(frozen=True, eq=False)
class Posterior:
    """A mixture of Gaussians with full covariances, over samples flattened to n values; float64.

    Attributes:
        weights: of the components, whose sum is 1.
        means: of each.
        covariances: of each.
        shape: of one sample [c, *space].
    """

    weights: Float[Tensor, " k"]
    means: Float[Tensor, "k n"]
    covariances: Float[Tensor, "k n n"]
    shape: tuple[int, ...]

    @property
    def mean(self) -> Float[Tensor, " n"]:
        """Mean: of all estimates of x_0 the one with the least squared error."""
        return self.weights @ self.means

    @property
    def covariance(self) -> Float[Tensor, "n n"]:
        """Covariance, within the components and between them."""
        centred = self.means - self.mean
        between = centred[:, :, None] * centred[:, None, :]
        return (self.weights[:, None, None] * (self.covariances + between)).sum(0)

    def draw(self, number: int, seed: int = 0) -> Images:
        """Draw samples [number, *shape], independent of each other; sample i of seed + i."""
        rng = Rng.from_seed(seed, number)
        chosen = torch.bucketize(rng.uniform("component"), self.weights.cumsum(0)).clamp(max=len(self.weights) - 1)[
            :, 0
        ]
        values, vectors = torch.linalg.eigh(self.covariances)
        roots = vectors * values.clamp(min=0.0).sqrt()[:, None]
        normal = rng.normal("within", 0, self.means.shape[1:], torch.float64)
        return (self.means[chosen] + (roots[chosen] @ normal[..., None])[..., 0]).view(-1, *self.shape)


def gaussian_posterior(
    oracle: GaussianDenoiser, shape: Sequence[int], matrix: Tensor, values: Tensor, noise: float
) -> Posterior:
    """Return the posterior of Gaussian data.

    Args:
        oracle: the distribution.
        shape: of one sample [c, *space].
        matrix: A, of flattened samples [m, n].
        values: o, one observation [m].
        noise: s; 0 where A C A^T has an inverse.

    Raises:
        SettingsError: shapes that do not fit, or an observation that is impossible.
    """
    mean, variance = (part.expand(tuple(shape)).flatten() for part in (oracle.mean, oracle.variance))
    weights = torch.ones(1, dtype=torch.float64)
    return _posterior(weights.log(), mean[None], torch.diag(variance)[None], shape, matrix, values, noise)


def field_posterior(oracle: GaussianFieldDenoiser, matrix: Tensor, values: Tensor, noise: float) -> Posterior:
    """Return the posterior of a Gaussian random field; arguments as of ``gaussian_posterior``."""
    covariance = oracle.covariance
    nothing = torch.zeros(1, dtype=torch.float64)
    centre = nothing.expand(1, len(covariance))
    return _posterior(nothing, centre, covariance[None], oracle.spectrum.shape, matrix, values, noise)


def mixture_posterior(oracle: MixtureDenoiser, matrix: Tensor, values: Tensor, noise: float) -> Posterior:
    """Return the posterior of a mixture, without regard to classes; arguments as of ``gaussian_posterior``."""
    parts = oracle.components
    means = parts.means.flatten(1)
    units = torch.eye(means.shape[1], dtype=torch.float64)
    covariances = parts.variances[:, None, None] * units
    return _posterior(parts.log_weights, means, covariances, parts.means.shape[1:], matrix, values, noise)


def _posterior(
    log_weights: Tensor,
    means: Tensor,
    covariances: Tensor,
    shape: Sequence[int],
    matrix: Tensor,
    values: Tensor,
    noise: float,
) -> Posterior:
    """Bayes' rule, component by component."""
    wanted = (len(values), means.shape[1])
    if values.ndim != 1 or tuple(matrix.shape) != wanted:
        raise SettingsError(
            f"matrix: {wanted} wanted for {wanted[0]} values that were observed, got {tuple(matrix.shape)}"
        )
    matrix, values = matrix.double(), values.double()
    cross = covariances @ matrix.T
    spread = matrix @ cross + noise**2 * torch.eye(len(values), dtype=torch.float64)
    factor, info = torch.linalg.cholesky_ex(spread)
    if bool((info > 0).any()):
        raise SettingsError(f"noise: above 0 wanted where some observation is certain before it is made, got {noise}")
    missing = (values - means @ matrix.T)[..., None]
    whitened = torch.linalg.solve_triangular(factor, missing, upper=False)[..., 0]
    log_determinant = 2.0 * torch.diagonal(factor, dim1=1, dim2=2).log().sum(1)
    evidence = -0.5 * (whitened.square().sum(1) + log_determinant + len(values) * math.log(2.0 * math.pi))
    solved = torch.cholesky_solve(torch.cat([missing, cross.mT], dim=2), factor)
    moved = means + (cross @ solved[..., :1])[..., 0]
    left = covariances - cross @ solved[..., 1:]
    return Posterior(torch.softmax(log_weights + evidence, 0), moved, 0.5 * (left + left.mT), tuple(shape))
