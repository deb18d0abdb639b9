"""The exact denoiser of a Gaussian random field that is known where it is coarse, or otherwise in part."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.field import GaussianFieldDenoiser
from idm.schedules import Level


@final
class ConditionedFieldDenoiser(ExactDenoiser):
    """x_0 ~ N(0, C) of a stationary field, of which a condition c = A x_0 + s n is known, with white noise n.

    Given c it is Gaussian: of mean K c with K = C A^T (A C A^T + s^2 I)^-1, and covariance P = C - K A C. With the
    eigenvectors U and eigenvalues l of P, the mean of x_0 given x_t and c is K c + U (alpha l / (alpha^2 l + sigma^2))
    U^T (x_t - alpha K c), and the variances are the diagonal of U (sigma^2 l / (alpha^2 l + sigma^2)) U^T.
    """

    def __init__(self, diffusion: GaussianDiffusion, spectrum: Tensor, matrix: Tensor, noise: float = 0.0) -> None:
        """Describe the data.

        Args:
            diffusion: the process.
            spectrum: as of ``GaussianFieldDenoiser``.
            matrix: A, of flattened samples [m, n]; m values of a condition, in the order of its own flattened values.
            noise: s; 0 where A C A^T has an inverse.

        Raises:
            SettingsError: a matrix that does not fit, or conditions that are certain before they are seen.
        """
        super().__init__(diffusion)
        field = GaussianFieldDenoiser(diffusion, spectrum)
        self.shape, prior = tuple(spectrum.shape), field.covariance
        if matrix.ndim != 2 or matrix.shape[1] != len(prior):
            raise SettingsError(f"matrix: [m, {len(prior)}] wanted, got shape {tuple(matrix.shape)}")
        matrix = matrix.double()
        cross = prior @ matrix.T
        spread = matrix @ cross + noise**2 * torch.eye(len(matrix), dtype=torch.float64)
        factor, info = torch.linalg.cholesky_ex(spread)
        if int(info):
            raise SettingsError(f"noise: above 0 wanted where a condition is certain before it is seen, got {noise}")
        self.gain = torch.cholesky_solve(cross.T, factor).T
        self.covariance = prior - self.gain @ cross.T
        values, self._vectors = torch.linalg.eigh(self.covariance)
        self._values = values.clamp(min=0.0)

    def mean(self, condition: Float[Tensor, "b k *space"]) -> Images:
        """Return K c, the regression of samples on conditions: float64."""
        return (condition.double().flatten(1) @ self.gain.T.to(condition.device)).view(-1, *self.shape)

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the Gaussian posterior, given a ``condition`` [b, ...] of m values."""
        if set(conditioning) != {"condition"}:
            raise SettingsError(f"conditioning: a condition wanted by this oracle, got {sorted(conditioning)}")
        mean, vectors = self.mean(conditioning["condition"]), self._vectors.to(x_t.device)
        alpha, sigma = (values.reshape(-1, 1) for values in (at.alpha, at.sigma))
        share = self._values.to(x_t.device) / (alpha**2 * self._values.to(x_t.device) + sigma**2)
        apart = (x_t - at.alpha * mean).flatten(1) @ vectors
        found = mean + ((alpha * share * apart) @ vectors.T).view_as(x_t)
        variance = (sigma**2 * share) @ vectors.square().T
        return Moments(found, variance.view(-1, *self.shape).expand_as(x_t))
