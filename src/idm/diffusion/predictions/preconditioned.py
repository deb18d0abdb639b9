"""Prediction of what is left once the best linear guess is taken away."""

from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from idm.core.limits import refuse_out_of_range
from idm.diffusion.predictions.base import Prediction
from idm.schedules import Level


@dataclass(frozen=True)
class Preconditioned(Prediction):
    """The output is F in x_0 = c_skip y + c_out F(c_in y), with y = x / alpha (Karras et al. 2022, table 1).

    c_skip = s^2 / (kappa^2 + s^2), c_out = kappa s / sqrt(kappa^2 + s^2) and c_in = 1 / sqrt(kappa^2 + s^2), with s the
    deviation of the data, so that what the network is shown and what it is to say have unit variance at all levels.
    On a variance-preserving chain with s = 1 it is shown x, and F = -v. Its time is that of its path, as for every
    prediction, where the paper's c_noise is log(kappa) / 4: either tells the level.

    Attributes:
        sigma_data: standard deviation of the data, in the model's range.
    """

    sigma_data: Annotated[float, Gt(0)] = 0.5

    def __post_init__(self) -> None:
        """Refuse a deviation that is not positive.

        Raises:
            SettingsError: as said.
        """
        refuse_out_of_range(type(self), vars(self))

    def input_scale(self, at: Level) -> Tensor:
        """c_in / alpha = 1 / sqrt(sigma^2 + alpha^2 s^2), finite also where no signal is left."""
        return torch.rsqrt(self._variance(at))

    def x_start(self, output: Tensor, x: Tensor, at: Level) -> Tensor:
        """x_0 = (alpha s^2 x + sigma s sqrt(sigma^2 + alpha^2 s^2) F) / (sigma^2 + alpha^2 s^2)."""
        variance = self._variance(at)
        return torch.addcmul(
            at.alpha * self.sigma_data**2 / variance * x, at.sigma * self.sigma_data * torch.rsqrt(variance), output
        )

    def target(self, x_start: Tensor, x: Tensor, noise: Tensor, at: Level) -> Tensor:
        """F = (x_0 - c_skip y) / c_out, in which x_0 and eps are as well told apart at every level."""
        scale = torch.rsqrt(self._variance(at))
        return torch.addcmul(at.sigma / self.sigma_data * scale * x_start, at.alpha * self.sigma_data * scale, -noise)

    def for_data(self, sigma_data: float) -> Prediction:
        """Return the same for data of that deviation."""
        return replace(self, sigma_data=sigma_data)

    def _variance(self, at: Level) -> Tensor:
        """Variance of x."""
        return at.sigma**2 + (self.sigma_data * at.alpha) ** 2
