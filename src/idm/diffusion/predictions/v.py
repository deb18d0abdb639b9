"""Prediction of v, a rotation of noise and data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Level


@dataclass(frozen=True)
class V(Prediction):
    """The output is v = alpha eps - sigma x_0 (Salimans & Ho 2022, appendix D)."""

    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """x_0 = (alpha x - sigma v) / (alpha^2 + sigma^2)."""
        return torch.addcmul(at.alpha_by_power * x, at.sigma_by_power, output, value=-1)

    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """Return v of the true noise and data."""
        return torch.addcmul(at.alpha * noise, at.sigma, x_start, value=-1)
