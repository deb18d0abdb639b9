"""Data whose probability flow is known: where each start ends, to more digits than any sampler has.

In y = x / alpha the flow is the same on every path: dy / dlog kappa = y - E[x_0 | y, kappa].
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from idm.core.errors import NumericalError
from idm.diffusion import GaussianDiffusion
from idm.oracles import ExactDenoiser, GaussianDenoiser, MixtureDenoiser
from idm.schedules import Grid, Level

HIGHEST_RATIO, LOWEST_RATIO = 20.0, 0.05
"""Noise-to-signal ratios between which samplers go."""

START = torch.tensor([[9.0, -14.0], [-21.0, 3.0], [4.0, 26.0]], dtype=torch.float64)
"""y at the highest one."""

RUNGE_KUTTA_STEPS = 768
LARGEST_ERROR = 1e-10
"""Of the integration with twice as many steps, before its error is subtracted; relative where y is large."""


class Flow(ABC):
    """Data with a known flow."""

    name: str

    @abstractmethod
    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the exact denoiser."""

    @abstractmethod
    def state(self, kappa: float) -> Tensor:
        """Return y at a level, on the trajectories that are at ``START`` at the highest one."""

    def states(self, grid: Grid, first: int) -> list[Tensor]:
        """Return x at the places of a grid from ``first`` up."""
        levels = grid.levels.map(lambda values: values[first:])
        return [alpha * self.state(float(kappa)) for alpha, kappa in zip(levels.alpha, levels.kappa, strict=True)]


@final
class GaussianFlow(Flow):
    """N(mean, diag(variance)): the flow keeps (y - mean) / sqrt(variance + kappa^2)."""

    name = "Gaussian"
    mean = torch.tensor([0.3, -0.2], dtype=torch.float64)
    variance = torch.tensor([0.02, 0.03], dtype=torch.float64)

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the Wiener filter."""
        return GaussianDenoiser(diffusion, self.mean, self.variance)

    def state(self, kappa: float) -> Tensor:
        """Scale the distance from the mean."""
        return (
            self.mean + (START - self.mean) * ((self.variance + kappa**2) / (self.variance + HIGHEST_RATIO**2)).sqrt()
        )


class FollowedFlow(Flow):
    """Data whose flow is followed by the Runge-Kutta method of order 4, with steps that are halved once."""

    def state(self, kappa: float) -> Tensor:
        """Integrate from the highest level, once to each level: solvers, paths and predictions share them."""
        place = round(math.log(kappa / HIGHEST_RATIO), 9)
        if place not in self._known_states:
            self._known_states[place] = self._integrated(kappa)
        return self._known_states[place]

    @cached_property
    def _known_states(self) -> dict[float, Tensor]:
        return {}

    def _integrated(self, kappa: float) -> Tensor:
        """Extrapolate from two numbers of steps (Richardson).

        Raises:
            NumericalError: they differ by too much.
        """
        length = math.log(kappa / HIGHEST_RATIO)
        number = max(4, math.ceil(RUNGE_KUTTA_STEPS * abs(length) / math.log(HIGHEST_RATIO / LOWEST_RATIO)))
        coarse, fine = (runge_kutta(self._slope, START, length, steps) for steps in (number, 2 * number))
        difference = (fine - coarse) / 15.0
        error = float((difference / fine.abs().clamp(min=1.0)).abs().max())
        if error > LARGEST_ERROR:
            raise NumericalError(f"reference: an error of at most {LARGEST_ERROR:.0e} wanted, got {error:.1e}")
        return fine + difference

    def _slope(self, log_ratio: float, y: Tensor) -> Tensor:
        """Y - E[x_0 | y] at kappa = HIGHEST_RATIO exp(log_ratio)."""
        kappa = torch.tensor(HIGHEST_RATIO * math.exp(log_ratio), dtype=torch.float64)
        level = Level(torch.ones_like(kappa), kappa, kappa)
        return y - self._known.x_start_moments(y, level, {}).mean

    @cached_property
    def _known(self) -> ExactDenoiser:
        return self.oracle(GaussianDiffusion.from_betas([0.5]))


@final
class MixtureFlow(FollowedFlow):
    """Three Gaussians in the plane."""

    name = "mixture"

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the exact denoiser of three components."""
        means = torch.tensor([[-0.7, 0.1], [0.6, 0.5], [0.2, -0.8]], dtype=torch.float64)
        variances = torch.tensor([0.04, 0.09, 0.02], dtype=torch.float64)
        return MixtureDenoiser(diffusion, torch.tensor([0.5, 0.3, 0.2]), means, variances)


def runge_kutta(slope: Callable[[float, Tensor], Tensor], y: Tensor, length: float, number: int) -> Tensor:
    """Integrate dy / ds = slope(s, y) from s = 0 over ``length`` in ``number`` steps of the classical method."""
    h = length / number
    for step in range(number):
        s = step * h
        first = slope(s, y)
        second = slope(s + 0.5 * h, y + 0.5 * h * first)
        third = slope(s + 0.5 * h, y + 0.5 * h * second)
        fourth = slope(s + h, y + h * third)
        y = y + h / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
    return y
