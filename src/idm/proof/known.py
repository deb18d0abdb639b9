"""Data of which everything is known: a denoiser, and draws from the posterior given any linear observation."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

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
NOISE = 0.3
"""What is observed, and the deviation of its noise; half of the values, means of pairs, or low frequencies."""


class Posterior(ABC):
    """Data given a linear observation."""

    @abstractmethod
    def sample(self, values: Tensor, seed: int) -> Images:
        """Draw one sample for each row of observed values [b, m]."""

    @abstractmethod
    def mean(self, values: Tensor) -> Images:
        """Return the mean given each row of observed values."""


class Known(ABC):
    """A distribution of data."""

    name: str

    @abstractmethod
    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the exact denoiser."""

    @abstractmethod
    def draw(self, number: int, seed: int) -> Images:
        """Draw data."""

    @abstractmethod
    def posterior(self, matrix: Tensor, noise: float) -> Posterior:
        """Return the posterior given matrix x + noise n."""


@final
class Conditioned(Posterior):
    """Sum of weights N(means, covariances) seen through a matrix and noise: a mixture again, by Bayes' rule."""

    def __init__(self, log_weights: Tensor, means: Tensor, covariances: Tensor, matrix: Tensor, noise: float) -> None:
        """Condition.

        Args:
            log_weights: of the components [k].
            means: [k, d].
            covariances: [k, d, d].
            matrix: of the observation [m, d].
            noise: its deviation.
        """
        spread = matrix @ covariances @ matrix.T + noise**2 * torch.eye(len(matrix), dtype=torch.float64)
        self._means, self._seen, self._spread = means, means @ matrix.T, torch.linalg.cholesky(spread)
        self._log_weights = log_weights - self._spread.diagonal(dim1=1, dim2=2).log().sum(1)
        self._gains = torch.cholesky_solve(matrix @ covariances, self._spread).mT
        left = covariances - self._gains @ matrix @ covariances
        self._roots = torch.linalg.cholesky(0.5 * (left + left.mT))

    def _given(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [b, k] and means [b, k, d] of the components."""
        missing = (values[:, None] - self._seen)[..., None]
        whitened = torch.linalg.solve_triangular(self._spread, missing, upper=False)
        weights = torch.softmax(self._log_weights - 0.5 * whitened.square().sum((2, 3)), dim=1)
        return weights, self._means + (self._gains @ missing)[..., 0]

    def sample(self, values: Tensor, seed: int) -> Images:
        """Draw a component, and from it."""
        rng, (weights, means) = Rng.from_seed(seed, len(values)), self._given(values)
        chosen = (rng.uniform("component") > weights.cumsum(1)).sum(1).clamp(max=weights.shape[1] - 1)
        normal = rng.normal("draw", 0, (NUM_VALUES,), torch.float64)
        rows = torch.arange(len(values))
        return (means[rows, chosen] + (self._roots[chosen] @ normal[..., None])[..., 0]).view(-1, *SHAPE)

    def mean(self, values: Tensor) -> Images:
        """Weigh the means."""
        weights, means = self._given(values)
        return (weights[..., None] * means).sum(1).view(-1, *SHAPE)


class _Gaussian(Known):
    """N(centre, covariance), prior and posterior as a mixture of one component."""

    centre: Tensor
    covariance: Tensor

    def draw(self, number: int, seed: int) -> Images:
        """Draw given nothing."""
        return self.posterior(torch.zeros(0, NUM_VALUES, dtype=torch.float64), 1.0).sample(torch.zeros(number, 0), seed)

    def posterior(self, matrix: Tensor, noise: float) -> Posterior:
        """Condition."""
        return Conditioned(torch.zeros(1), self.centre.flatten()[None], self.covariance[None], matrix, noise)


@final
class GaussianData(_Gaussian):
    """Independent values of one variance."""

    name = "Gaussian"
    centre = torch.linspace(-0.3, 0.3, NUM_VALUES, dtype=torch.float64).view(SHAPE)
    covariance = 0.25 * torch.eye(NUM_VALUES, dtype=torch.float64)

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the Wiener filter."""
        return GaussianDenoiser(diffusion, self.centre, torch.tensor(0.25))


@final
class FieldData(_Gaussian):
    """Smooth Gaussian random fields."""

    name = "Gaussian field"
    centre = torch.zeros(SHAPE, dtype=torch.float64)

    def __init__(self) -> None:
        """Take a spectrum that falls with the third power."""
        self.spectrum = power_law(SHAPE[1:], 3.0, 0.25).expand(SHAPE)
        self.covariance = self.oracle(GaussianDiffusion.from_betas([0.5])).covariance

    def oracle(self, diffusion: GaussianDiffusion) -> GaussianFieldDenoiser:
        """Return the Wiener filter of each frequency."""
        return GaussianFieldDenoiser(diffusion, self.spectrum)


@final
class MixtureData(Known):
    """Three kinds of data whose difference hardly any observation shows: an alternating pattern in the second half."""

    name = "mixture"
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    variance = 0.04

    def __init__(self) -> None:
        """Put the centres up."""
        places = torch.arange(8, dtype=torch.float64)
        hidden, shown = (-1.0) ** places * (places >= 4), torch.ones(8, dtype=torch.float64)
        centres = [0.5 * hidden + 0.2 * shown, -0.5 * hidden - 0.2 * shown, 0.0 * shown]
        self.centres = torch.stack(centres)[:, None].expand(3, *SHAPE)

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the exact denoiser of three components."""
        return MixtureDenoiser(diffusion, self.weights, self.centres, torch.full((3,), self.variance))

    def draw(self, number: int, seed: int) -> Images:
        """Draw given nothing."""
        return self.posterior(torch.zeros(0, NUM_VALUES, dtype=torch.float64), 1.0).sample(torch.zeros(number, 0), seed)

    def posterior(self, matrix: Tensor, noise: float) -> Posterior:
        """Condition each component."""
        covariances = self.variance * torch.eye(NUM_VALUES, dtype=torch.float64).expand(3, -1, -1)
        return Conditioned(self.weights.log(), self.centres.flatten(1), covariances, matrix, noise)


@final
class _OfWalks(Posterior):
    """Draws by Gibbs sampling."""

    def __init__(self, gibbs: LevyPosterior) -> None:
        self._gibbs = gibbs

    def sample(self, values: Tensor, seed: int) -> Images:
        """Run a chain for each row."""
        return self._gibbs.sample(values, seed)

    def mean(self, values: Tensor) -> Images:
        """Average along chains."""
        return self._gibbs.mean(values, seed=1)


@final
class WalkData(Known):
    """Piecewise constant walks with Gaussian jumps at random places: neither Gaussian nor smooth."""

    name = "Lévy walk"
    law = JumpIncrements(0.25, 0.5)

    def oracle(self, diffusion: GaussianDiffusion) -> ExactDenoiser:
        """Return the denoiser by quadrature."""
        return LevyDenoiser(diffusion, self.law, SHAPE[1], spacing=0.5 * LOWEST)

    def draw(self, number: int, seed: int) -> Images:
        """Draw increments and add them up."""
        return draw_walks(self.law, Rng.from_seed(seed, number), SHAPE)

    def posterior(self, matrix: Tensor, noise: float) -> Posterior:
        """Draw by Gibbs sampling."""
        return _OfWalks(LevyPosterior(self.law, SHAPE, matrix, noise, sweeps=60))
