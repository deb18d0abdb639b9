"""The exact denoiser of Lévy walks, x_i = u_1 + ... + u_i with independent heavy-tailed increments u.

Such signals are neither Gaussian nor a mixture of a few Gaussians, and every posterior of them can be drawn from by
Gibbs sampling: a benchmark of posterior samplers (Bohra, del Aguila Pla, Giovannelli & Unser 2023).
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.core.tensors import made_once
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.oracles.components import LARGEST_TABLE
from idm.oracles.increments import Increments
from idm.schedules import Level

REACH_STDS = 8.0
"""Standard deviations of the end of a walk that its grid reaches in both directions; beyond it would wrap around."""

POINTS_A_MULTIPLE_OF = 32


@final
class LevyDenoiser(ExactDenoiser):
    """x_0 [c, length]: in each channel an independent walk along the axis.

    A walk seen through independent noise is a hidden Markov chain with a state on the line: its moments come from a
    pass forward and one back. Messages are held on a grid; between places they are convolved with the increments' law,
    whose characteristic function multiplies their Fourier coefficients. By quadrature, therefore, but of functions as
    smooth as the noise: where kappa is at least two grid points the error is of the order of exp(-2 pi^2), 3e-9.
    """

    def __init__(self, diffusion: GaussianDiffusion, law: Increments, length: int, spacing: float = 0.02) -> None:
        """Describe the data.

        Args:
            diffusion: the process; half of its smallest kappa is a good spacing.
            law: of the increments.
            length: of a walk.
            spacing: of the grid on which the state is held.
        """
        super().__init__(diffusion)
        self.law, self.length, self.spacing = law, length, spacing
        reach = REACH_STDS * math.sqrt(length * law.variance)
        self._half = POINTS_A_MULTIPLE_OF // 2 * math.ceil(2.0 * reach / spacing / POINTS_A_MULTIPLE_OF)

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the posterior of a walk; it has no classes and takes no conditioning.

        Raises:
            SettingsError: conditioning, another shape, or a level whose noise the grid is too coarse for.
        """
        if conditioning:
            raise SettingsError(f"conditioning: none wanted, walks have no classes, got {sorted(conditioning)}")
        if x_t.ndim != 3 or x_t.shape[2] != self.length:
            raise SettingsError(f"x: walks [b, c, {self.length}] wanted, got shape {tuple(x_t.shape)}")
        if float(at.kappa.min()) < 2.0 * self.spacing * (1.0 - 1e-6):
            raise SettingsError(
                f"spacing: at most half of kappa, {0.5 * float(at.kappa.min()):.3g}, wanted, got {self.spacing}"
            )
        alpha, sigma = (value.expand(*x_t.shape[:2], 1).reshape(-1, 1, 1) for value in (at.alpha, at.sigma))
        rows = max(1, LARGEST_TABLE // (2 * self._half * self.length))
        walks = x_t.flatten(0, 1)
        parts = zip(*(values.split(rows) for values in (walks, alpha, sigma)), strict=True)
        means, variances = zip(*(self._moments(*part) for part in parts), strict=True)
        return Moments(torch.cat(means).view_as(x_t), torch.cat(variances).view_as(x_t))

    @cached_property
    def _grid(self) -> Tensor:
        return self.spacing * torch.arange(-self._half, self._half, dtype=torch.float64)

    @cached_property
    def _gains(self) -> Tensor:
        frequencies = 2.0 * math.pi * torch.fft.rfftfreq(2 * self._half, self.spacing, dtype=torch.float64)
        return self.law.characteristic(frequencies)

    @cached_property
    def _on_devices(self) -> dict[torch.device, tuple[Tensor, Tensor]]:
        return {}

    def _moments(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance [n, length] of x_0, for walks x [n, length] and levels [n, 1, 1]."""
        grid, gains = made_once(self._on_devices, x.device, lambda: (self._grid.to(x.device), self._gains.to(x.device)))
        distance = ((alpha * grid - x[..., None]) / sigma).square()
        seen = torch.exp(0.5 * (distance.detach().amin(-1, keepdim=True) - distance)).unbind(1)
        shares = torch.stack([first * last for first, last in zip(*_messages(seen, gains), strict=True)], dim=1)
        shares = shares / shares.sum(-1, keepdim=True)
        mean = shares @ grid
        return mean, (shares @ grid.square() - mean.square()).clamp(min=0.0)


def _messages(seen: Sequence[Tensor], gains: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Forward messages, with what is seen at the place, and backward ones, without, up to factors; each [n, points]."""

    def spread(message: Tensor) -> Tensor:
        message = torch.fft.irfft(torch.fft.rfft(message) * gains, n=message.shape[-1])
        return message / message.sum(-1, keepdim=True)

    start = torch.zeros_like(seen[0])
    start[..., start.shape[-1] // 2] = 1.0  # walks begin at 0
    forward, backward = [spread(start) * seen[0]], [torch.ones_like(seen[0])]
    for here in seen[1:]:
        forward.append(spread(forward[-1]) * here)
    for here in reversed(seen[1:]):
        backward.append(spread(backward[-1] * here))
    return forward, backward[::-1]


def draw_walks(law: Increments, rng: Rng, shape: Sequence[int]) -> Images:
    """Draw walks [b, c, length] from the law, one per seed, in float64."""
    number = math.prod(shape)
    increments = law.first_variances(rng, number).sqrt() * rng.normal("increments", 0, (number,), torch.float64)
    return increments.view(-1, *shape).cumsum(-1)
