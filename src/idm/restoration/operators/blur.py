"""Blur by a Gaussian, on axes that are closed to circles."""

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.counts import finite_number
from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.restoration.operators.axes import per_axis
from idm.restoration.operators.base import LinearOperator

REACH_STDS = 12.0
"""Standard deviations up to which the tails of the Gaussian go around the circle: beyond, it is 0 in float64."""


@final
class Blur(LinearOperator):
    """Each value becomes the mean of its surroundings with Gaussian weights: o [b, c, *space].

    A is symmetric. The discrete Hartley transform, real and its own inverse, makes it diagonal.
    """

    def __init__(self, shape: Sequence[int], sigmas: Sequence[float]) -> None:
        """Say how wide the Gaussian is.

        Args:
            shape: of one sample [c, *space].
            sigmas: standard deviation on each spatial axis, in pixels, or one for all of them; 0: none.

        Raises:
            SettingsError: data without spatial axes, another number of them, or one that is no finite number from 0 on.
        """
        super().__init__(shape)
        self.sigmas = per_axis("sigmas", [finite_number(sigma, "sigmas") for sigma in sigmas], self.shape)
        if min(self.sigmas) < 0.0:
            raise SettingsError(f"sigmas: finite numbers of at least 0 wanted, got {list(self.sigmas)}")

    @property
    def words(self) -> str:
        """The standard deviations in words."""
        return f"standard deviation {' x '.join(f'{sigma:g}' for sigma in self.sigmas)} pixels"

    @property
    def spectrum(self) -> Tensor:
        """Squared eigenvalues of A, [*space]."""
        return self._gains.square()

    @property
    def _gains(self) -> Tensor:
        """Eigenvalues of A: the Fourier transform of the kernel, which is the product of those of its axes."""
        gains = torch.ones((), dtype=torch.float64)
        for size, sigma in zip(self.shape[1:], self.sigmas, strict=True):
            gains = gains[..., None] * torch.fft.fft(_kernel(size, sigma)).real
        return gains

    def rotate(self, o: Tensor) -> Tensor:
        """Hartley transform over the spatial axes, orthonormal."""
        transformed = torch.fft.fftn(o, dim=list(range(2, o.ndim)), norm="ortho")
        return transformed.real - transformed.imag

    def rotate_back(self, o: Tensor) -> Tensor:
        """The same transform."""
        return self.rotate(o)

    def observe(self, x: Images) -> Tensor:
        """Blur."""
        return self.rotate(self.rotate(x) * self.kept("gains", x, lambda: self._gains))

    def adjoint(self, o: Tensor) -> Images:
        """Blur."""
        return self.observe(o)


def _kernel(size: int, sigma: float) -> Tensor:
    """Weights of the neighbours of value 0 on a circle, whose sum is 1 [size]."""
    if sigma == 0:
        return torch.eye(1, size, dtype=torch.float64)[0]
    turns = math.ceil(REACH_STDS * sigma / size)
    distance = torch.arange(-turns * size, (turns + 1) * size, dtype=torch.float64)
    weights = torch.exp(-0.5 * (distance / sigma) ** 2).view(-1, size).sum(0)
    return weights / weights.sum()
