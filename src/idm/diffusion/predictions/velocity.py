"""Prediction of the velocity of the straight path."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.diffusion.predictions.base import Prediction
from idm.schedules import Level


@dataclass(frozen=True)
class Velocity(Prediction):
    """The output is u = eps - x_0, with which x moves along the straight path (Lipman et al. 2023; Liu et al. 2023).

    On that path alpha + sigma is 1, and x_0 = x - t u. The difference is as well defined on any other.
    """

    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """x_0 = (x - sigma u) / (alpha + sigma)."""
        return torch.addcmul(x, at.sigma, output, value=-1) / (at.alpha + at.sigma)

    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """Return the noise less the clean data."""
        return noise - x_start
