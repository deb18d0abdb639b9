"""Data of which everything is known: a denoiser, and draws from the posterior given any linear observation."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles import (
    ExactDenoiser,
    GaussianDenoiser,
    GaussianFieldDenoiser,
    JumpIncrements,
    LevyDenoiser,
    LevyPosterior,
    MixtureDenoiser,
    draw_walks,
    field_posterior,
    gaussian_posterior,
    mixture_posterior,
    power_law,
)
from idm.restoration import Blur, Downsample, Fourier, LinearOperator, Mask

SHAPE = (2, 8)
NUM_VALUES = math.prod(SHAPE)
LOWEST = 0.05
"""Smallest noise-to-signal ratio that samplers visit."""

FOUR_OPERATORS: Mapping[str, LinearOperator] = {
    "mask": Mask(SHAPE, (torch.arange(8) < 4).expand(1, 8)),
    "downsample": Downsample(SHAPE, [2]),
    "blur": Blur(SHAPE, [1.0]),
    "fourier": Fourier.lines(SHAPE, every=8, centre=4),
}
SWEEPS = 60
"""Of Gibbs sampling; walks of so few places forget their start in a dozen."""

ANY = GaussianDiffusion.from_betas([0.5])
"""A process where none is asked for."""

NOISE = 0.3
"""What is observed, and the deviation of its noise; half of the values, means of pairs, or low frequencies."""


@runtime_checkable
class Answer(Protocol):
    """A posterior: its mean, flattened, and draws from it."""

    @property
    def mean(self) -> Tensor:
        """Of all estimates of x_0 the one with the least squared error [n]."""
        ...

    def draw(self, number: int, seed: int = 0) -> Images:
        """Draw independent samples."""
        ...


class Known(ABC):
    """A distribution of data."""

    name: str

    @abstractmethod
    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the exact denoiser."""

    @abstractmethod
    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Return the posterior given values [m] = matrix x + noise n; the data themselves where m is 0."""

    def draw(self, number: int, seed: int) -> Images:
        """Draw data."""
        return self.posterior(torch.zeros(0, NUM_VALUES), torch.zeros(0), 1.0).draw(number, seed)


@final
class GaussianData(Known):
    """Independent values of one variance."""

    name = "Gaussian"
    centre = torch.linspace(-0.3, 0.3, NUM_VALUES, dtype=torch.float64).view(SHAPE)

    def oracle(self, diffusion: GaussianDiffusion) -> GaussianDenoiser:
        """Return the Wiener filter."""
        return GaussianDenoiser(diffusion, self.centre, torch.tensor(0.25))

    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Condition."""
        return gaussian_posterior(self.oracle(ANY), SHAPE, matrix, values, noise)


@final
class FieldData(Known):
    """Smooth Gaussian random fields: their spectrum falls with the third power."""

    name = "Gaussian field"

    def oracle(self, diffusion: GaussianDiffusion) -> GaussianFieldDenoiser:
        """Return the Wiener filter of each frequency."""
        return GaussianFieldDenoiser(diffusion, power_law(SHAPE[1:], 3.0, 0.25).expand(SHAPE))

    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Condition."""
        return field_posterior(self.oracle(ANY), matrix, values, noise)


@final
class MixtureData(Known):
    """Three kinds of data, which what is observed tells apart only in part.

    They differ in an alternating pattern in the second half, which hardly any of the operators shows, and in level.
    """

    name = "mixture"
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    variance = 0.04

    def oracle(self, diffusion: GaussianDiffusion) -> MixtureDenoiser:
        """Return the exact denoiser of three components."""
        places = torch.arange(SHAPE[1], dtype=torch.float64)
        hidden = 0.5 * (-1.0) ** places * (places >= SHAPE[1] // 2)
        centres = torch.stack([hidden + 0.2, -hidden - 0.2, 0.0 * hidden])
        variances = torch.full((3,), self.variance)
        return MixtureDenoiser(diffusion, self.weights, centres[:, None].expand(3, *SHAPE), variances)

    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Condition each component."""
        return mixture_posterior(self.oracle(ANY), matrix, values, noise)


@final
class WalkData(Known):
    """Piecewise constant walks with Gaussian jumps at random places: neither Gaussian nor smooth."""

    name = "Lévy walk"
    law = JumpIncrements(0.25, 0.5)

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the denoiser by quadrature."""
        return LevyDenoiser(diffusion, self.law, SHAPE[1], spacing=0.5 * LOWEST)

    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Draw by Gibbs sampling."""
        return LevyPosterior(self.law, SHAPE, matrix, values, noise, SWEEPS)

    def draw(self, number: int, seed: int) -> Images:
        """Draw increments and add them up."""
        return draw_walks(self.law, Rng.from_seed(seed, number), SHAPE)
