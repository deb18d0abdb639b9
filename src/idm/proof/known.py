"""Data of which everything is known: a denoiser, and draws from the posterior given any linear observation."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
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

SWEEPS = 25
"""Sweeps of Gibbs sampling; walks of few places forget their start in a dozen."""

ANY = GaussianDiffusion.from_betas([0.5])
"""A process where none is asked for."""


@dataclass(frozen=True)
class View:
    """What is observed of data.

    Attributes:
        operator: A.
        noise: standard deviation.
        value: all that is observed, whatever the data; None: what is seen of data that are drawn.
    """

    operator: LinearOperator
    noise: float
    value: float | None = None


FOUR_OPERATORS: Mapping[str, View] = {
    "mask": View(Mask(SHAPE, (torch.arange(8) < 4).expand(1, 8)), 0.3),
    "downsample": View(Downsample(SHAPE, [2]), 0.3),
    "blur": View(Blur(SHAPE, [1.0]), 0.3),
    "fourier": View(Fourier.lines(SHAPE, every=8, centre=4), 0.3),
}
"""Half of the values, means of pairs, all values blurred, or the lower half of the frequencies."""


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
    """A distribution of data.

    Attributes:
        name: what it is called.
        views: what is observed, by names.
        deviation: standard deviation of the data, as methods are told, about.
        lowest: smallest noise-to-signal ratio that samplers visit.
        num_cases: observations in each view.
        num_draws: from the posterior given each of them.
    """

    name: str
    views: Mapping[str, View] = FOUR_OPERATORS
    deviation: float = 0.5
    lowest: float = 0.05
    num_cases: int = 5
    num_draws: int = 199

    @abstractmethod
    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the exact denoiser."""

    @abstractmethod
    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Return the posterior given values [m] = matrix x + noise n; the data themselves where m is 0."""

    def draw(self, number: int, seed: int) -> Images:
        """Draw data: from the posterior given the sum of no values."""
        nothing = torch.zeros(1, math.prod(self.shape), dtype=torch.float64)
        return self.posterior(nothing, torch.zeros(1), 1.0).draw(number, seed)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return next(iter(self.views.values())).operator.shape


@final
class GaussianData(Known):
    """Independent values of one variance."""

    name = "Gaussian"
    centre = torch.linspace(-0.3, 0.3, math.prod(SHAPE), dtype=torch.float64).view(SHAPE)

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
class PlaneData(Known):
    """Three Gaussians in the plane, whose first coordinate is observed: which of them it was decides the second."""

    name = "plane"
    views: Mapping[str, View] = {
        f"o {value}, s {noise}": View(Mask((2,), torch.tensor([True, False])), noise, value)
        for value, noise in ((0.0, 0.05), (0.8, 0.05), (0.0, 0.3))
    }
    deviation, lowest = 1.03, 0.01
    num_cases, num_draws = 1, 499

    def oracle(self, diffusion: GaussianDiffusion) -> MixtureDenoiser:
        """Return the exact denoiser of three components."""
        weights, variances = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.09, 0.16, 0.04])
        centres = torch.tensor([[-1.2, -0.6], [1.2, 0.9], [0.3, -1.5]], dtype=torch.float64)
        return MixtureDenoiser(diffusion, weights, centres, variances)

    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Condition each component."""
        return mixture_posterior(self.oracle(ANY), matrix, values, noise)


@final
class WalkData(Known):
    """Piecewise constant walks with Gaussian jumps at random places: neither Gaussian nor smooth."""

    name = "Lévy walk"
    num_cases, num_draws = 2, 39
    law = JumpIncrements(0.25, 0.5)

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the denoiser by quadrature."""
        return LevyDenoiser(diffusion, self.law, SHAPE[1], spacing=0.5 * self.lowest)

    def posterior(self, matrix: Tensor, values: Tensor, noise: float) -> Answer:
        """Draw by Gibbs sampling."""
        return LevyPosterior(self.law, SHAPE, matrix, values, noise, SWEEPS)

    def draw(self, number: int, seed: int) -> Images:
        """Draw increments and add them up."""
        return draw_walks(self.law, Rng.from_seed(seed, number), SHAPE)
