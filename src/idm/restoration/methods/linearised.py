"""A denoiser and its derivative: what guidance by gradients looks through."""

from typing import final

import torch
from torch import Tensor

from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.schedules import Level

LARGEST_RATIO = 5.0
"""Noise-to-signal ratio up to which derivatives of x_0 are used.

On the digits v^T (kappa^2 J) v of a network is the squared error of its x_0 up to a ratio of 3, two thirds of it at 10,
and below 0 at 20: kappa^2 times what it does not know. Up there x_t says little about x_0.
"""


def is_too_noisy(at: Level) -> bool:
    """Whether no derivative is used at a level, so that none need be taken; False where each sample has its own.

    This reads a number from the device: it costs less than a derivative that is thrown away.
    """
    return at.kappa.ndim == 0 and not bool(at.kappa <= LARGEST_RATIO)


@final
class Linearised:
    """What a denoiser finds in some samples, and how that depends on them.

    With y = x / alpha and J = dx_0 / dy the covariance of x_0 given x_t is kappa^2 J = sigma^2 / alpha dx_0 / dx
    (Tweedie's formula, differentiated), for the exact denoiser; a network's J is near it. Beyond ``LARGEST_RATIO`` the
    covariance is taken to be r^2 I, that of independent values of the data's variance.

    Attributes:
        found: what was found, without its graph.
        variance: r^2 = kappa^2 v / (kappa^2 + v) with v the variance of the data (Song et al. 2023, PiGDM).
    """

    def __init__(self, denoise: Denoiser, x: Images, at: Level, data_variance: float) -> None:
        """Call a denoiser with gradients on, whatever they are outside.

        Args:
            denoise: which one.
            x: samples.
            at: their level.
            data_variance: v, of each value of the data.
        """
        self._is_too_noisy = is_too_noisy(at)
        with torch.inference_mode(False), torch.enable_grad():
            self._x = x.detach().clone().requires_grad_()
            self._found = denoise(self._x, at)
        raw, rest = self._found.raw.detach(), (self._found.head, self._found.variance, self._found.mean)
        self.found = Denoised(raw, raw, *(None if part is None else part.detach() for part in rest))
        self.variance = data_variance / (1.0 + data_variance / at.kappa**2)
        self._scale, self._trusted = at.sigma**2 * at.gain, at.kappa <= LARGEST_RATIO

    def vjp(self, cotangent: Tensor) -> Images:
        """Return (dx_0 / dx)^T times a tensor of x's shape, for each sample."""
        raw = self._found.raw
        if not raw.requires_grad:  # the denoiser does not look at x
            return torch.zeros_like(cotangent)
        with torch.inference_mode(False):
            (product,) = torch.autograd.grad(raw, self._x, cotangent.to(raw), retain_graph=True)
        return product

    def covary(self, values: Images) -> Images:
        """Return the covariance of x_0 given x_t times values of x's shape."""
        if self._is_too_noisy:
            return self.variance * values
        return torch.where(self._trusted, self._scale * self.vjp(values), self.variance * values)
