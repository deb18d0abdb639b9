"""Prediction of v, a rotation of noise and data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Coefficients


@dataclass(frozen=True)
class V(Prediction):
    """The output is v = sqrt(abar) eps - sqrt(1 - abar) x_0 (Salimans & Ho 2022, appendix D)."""

    def x_start(self, output: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """x_0 = sqrt(abar) x_t - sqrt(1 - abar) v."""
        return torch.addcmul(at.sqrt_alphas_cumprod * x_t, at.sqrt_one_minus_alphas_cumprod, output, value=-1)

    def target(self, x_start: Tensor, x_t: Tensor, noise: Tensor, at: Coefficients) -> Tensor:
        """Return v of the true noise and data."""
        return torch.addcmul(at.sqrt_alphas_cumprod * noise, at.sqrt_one_minus_alphas_cumprod, x_start, value=-1)

    def mean(self, output: Tensor, x_start: Tensor, x_t: Tensor, at: Coefficients) -> Tensor:
        """Posterior mean at the predicted x_0."""
        return at.posterior_mean(x_start, x_t)
