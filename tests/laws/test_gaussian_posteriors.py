"""Guidance on Gaussian data: exact posteriors in the limit of steps.

A guided denoiser is then affine in the sample, and so is every step: a batch of unit vectors tells the mean and
covariance of where a walk ends, without drawing anything.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import Denoiser, GaussianDiffusion, ModelVarType
from idm.oracles import GaussianDenoiser, Posterior, gaussian_posterior
from idm.restoration import (
    TMPD,
    CovarianceRule,
    Matrix,
    Method,
    Observation,
    PiGDM,
)
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM, SamplerHeun, SamplerMultistep
from idm.schedules import PathGrid, cosine_schedule

CHAIN = cosine_schedule(1000)


def doubles(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


HIGHEST, LOWEST = 4.9, 0.05


@dataclass(frozen=True)
class UnitNoise:
    """Row 1 + n + j n + k gets 1 in value k of the noise of step j, counted from the first; every other row 0."""

    rows: int
    size: int

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        noise = torch.zeros(self.rows, self.size, dtype=dtype)
        first = 1 + self.size + (step - 1) * self.size
        if step > 0 and first + self.size <= self.rows:
            noise[first : first + self.size] = torch.eye(self.size, dtype=dtype)
        return noise


def grid_of(steps: int) -> PathGrid:
    kappas = LOWEST * (HIGHEST / LOWEST) ** (np.arange(steps + 1) / steps)
    return PathGrid(CHAIN.path, CHAIN.path.time_of(np.log(kappas)))


def end_moments(
    sampler: Sampler, denoise: Denoiser, method: Method, observation: Observation, posterior: Posterior
) -> tuple[Tensor, Tensor]:
    """Mean and covariance of y = x / alpha at LOWEST of walks that start at HIGHEST with the exact ones."""
    number, size = sampler.diffusion.num_timesteps - 1, len(posterior.mean)
    noisy = isinstance(sampler, SamplerDDPM)
    x = torch.zeros(1 + size + (number * size if noisy else 0), size, dtype=torch.float64)
    x[1 : 1 + size] = torch.eye(size, dtype=torch.float64)
    known = observation.select(torch.zeros(len(x), dtype=torch.int64))
    states = list(method.walk(sampler, denoise, known, x, UnitNoise(len(x), size)))
    of_zero, *rest = states[-2].sample
    gains = torch.stack([row - of_zero for row in rest])
    (low, high), (_, noise) = ([float(values[i]) for i in (0, -1)] for values in _levels(sampler))
    mean, covariance = high * posterior.mean, high**2 * posterior.covariance + noise**2 * torch.eye(size).double()
    end = gains[:size].T @ covariance @ gains[:size] + gains[size:].T @ gains[size:]
    return (of_zero + mean @ gains[:size]) / low, end / low**2


def _levels(sampler: Sampler) -> tuple[Tensor, Tensor]:
    levels = sampler.diffusion.grid.levels
    return levels.alpha, levels.sigma


def multistep(order: int) -> Callable[[GaussianDiffusion], Sampler]:
    return lambda diffusion: SamplerMultistep(diffusion, order=order, clip_denoised=False)


WALKS: dict[str, tuple[Callable[[GaussianDiffusion], Sampler], int, tuple[int, int], float]] = {
    "DDIM": (lambda diffusion: SamplerDDIM(diffusion, clip_denoised=False), 1, (150, 300), 1e-4),
    "ancestral": (lambda diffusion: SamplerDDPM(diffusion, clip_denoised=False), 1, (30, 60), 5e-3),
    "Heun": (lambda diffusion: SamplerHeun(diffusion, clip_denoised=False), 2, (100, 200), 1e-6),
    "UniPC-2": (multistep(2), 3, (150, 300), 1e-6),
}
"""Samplers, their orders, two numbers of steps, and how far from the truth the limit that these tell is."""

ISOTROPIC, ANISOTROPIC = doubles(0.25, 0.25, 0.25), doubles(0.04, 0.3, 0.15)
MEAN, TRUTH = doubles(0.3, -0.2, 0.1), doubles(0.5, -0.6, 0.2)
MIXED = torch.tensor([[0.8, -0.5, 0.3], [0.2, 0.4, -0.9]], dtype=torch.float64)

EXACT: dict[str, tuple[Method, Tensor, float]] = {
    "PiGDM, noisy": (PiGDM(data_deviation=0.5), ISOTROPIC, 0.2),
    "PiGDM, noiseless": (PiGDM(data_deviation=0.5), ISOTROPIC, 0.0),
    "TMPD, full covariance": (TMPD(CovarianceRule.FULL), ANISOTROPIC, 0.2),
}


def errors(walk: str, case: str, steps: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Signed errors of mean and covariance at LOWEST."""
    (make, *_), (method, variance, noise) = WALKS[walk], EXACT[case]
    operator = Matrix((3,), MIXED)
    observation = Observation(operator, operator.apply(TRUTH[None]), noise)
    found: list[tuple[Tensor, Tensor]] = []
    for number in steps:
        diffusion = GaussianDiffusion(grid_of(number), model_var_type=ModelVarType.FIXED_SMALL)
        oracle = GaussianDenoiser(diffusion, MEAN, variance)
        posterior = gaussian_posterior(oracle, (3,), MIXED, observation.values[0], noise)
        ours = end_moments(make(diffusion), oracle.denoiser(), method, observation, posterior)
        left = LOWEST**2 * torch.eye(3, dtype=torch.float64)
        found.append((ours[0] - posterior.mean, ours[1] - posterior.covariance - left))
    return found


def size(error: tuple[Tensor, Tensor]) -> float:
    return max(float(part.abs().max()) for part in error)


@pytest.mark.parametrize("case", EXACT)
@pytest.mark.parametrize("walk", WALKS)
def test_guidance_is_exact_for_gaussian_data_in_the_limit_of_steps_at_the_order_of_the_sampler(
    walk: str, case: str
) -> None:
    _, order, steps, close = WALKS[walk]
    coarse, fine = errors(walk, case, steps)
    assert math.log2(size(coarse) / size(fine)) == pytest.approx(order, abs=0.15)
    share = 1.0 / (2.0**order - 1.0)
    limit = tuple(f + share * (f - c) for c, f in zip(coarse, fine, strict=True))
    assert max(float(part.abs().max()) for part in limit) < close
