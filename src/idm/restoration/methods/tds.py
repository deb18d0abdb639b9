"""Twisted sequential Monte Carlo (Wu, Trippe, Naesseth, Blei & Cunningham 2023: TDS): guided particles with weights.

Particles step by r(x_down | x_up), ancestral sampling with covariance-matched guidance, and are weighed by
p(x_down | x_up) psi_down / (r(x_down | x_up) psi_up), with p ancestral sampling without guidance and
psi = N(o; A x_0-hat, A Cov A^T + s^2 I), the twisting function. With many particles they are draws from the posterior,
whatever guidance is wrong about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.tensors import widest
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.diffusion.denoiser import clipped
from idm.restoration.methods.base import Method
from idm.restoration.methods.covariances import CovarianceRule
from idm.restoration.methods.matched import Look, MatchedGuidance
from idm.restoration.methods.observed import agree
from idm.restoration.methods.particles import Particles, log_mean, systematic
from idm.restoration.observation import Observation
from idm.samplers import Sampler, SamplerDDPM, SampleStep


@final
@dataclass(frozen=True)
class TDS(Method):
    """Draws from the posterior by particles, each observation with its own.

    Attributes:
        particles: for each observation.
        covariance: what stands for A Cov A^T, as of ``TMPD``.
        data_deviation: as there.
        least_effective: share of effective particles below which they are resampled.
    """

    uses_gradients: ClassVar[bool] = True
    weighs_steps: ClassVar[bool] = True
    has_particles: ClassVar[bool] = True
    particles: Annotated[int, Ge(1)] = 64
    covariance: CovarianceRule = CovarianceRule.BY_SIZE
    data_deviation: Annotated[float, Gt(0)] = 0.5
    least_effective: Annotated[float, Ge(0), Le(1)] = 0.5

    def check(self, sampler: Sampler, observation: Observation) -> None:
        """Refuse, besides, samplers that are not ancestral sampling: steps without noise have no density."""
        super().check(sampler, observation)
        if not isinstance(sampler, SamplerDDPM):
            raise SettingsError(
                f"method: sampler=ddpm wanted by TDS, which weighs the noise of each step, got "
                f"{type(sampler).__name__}; choose it, or another method"
            )

    def for_data(self, deviation: float) -> Method:
        """Take the deviation for ``data_deviation``."""
        return replace(self, data_deviation=deviation)

    def num_steps(self, sampler: Sampler, observation: Observation) -> int:
        """One for each step of the sampler."""
        return sampler.diffusion.num_timesteps

    def walk(
        self, sampler: Sampler, denoise: Denoiser, observation: Observation, x: Images, noise: NoiseSource
    ) -> Iterator[SampleStep]:
        """Yield the first particle of each observation on the way; in the end one that is drawn by the weights."""
        places = range(sampler.diffusion.num_timesteps - 1, -1, -1)
        for i, cloud in zip(places, self.clouds(sampler, denoise, observation, x, noise), strict=True):
            last = cloud.draw(1, uniform(noise, CHOICE, x.device))[:, 0] if i == 0 else None
            ends = (cloud.samples[:, 0], cloud.x_start[:, 0]) if last is None else (last, last)
            yield SampleStep(*ends, cloud)

    def effective(self, state: SampleStep) -> Tensor | None:
        """As the weights say."""
        return state.memory.effective if isinstance(state.memory, Particles) else None

    def clouds(
        self, sampler: Sampler, denoise: Denoiser, observation: Observation, x: Images, noise: NoiseSource
    ) -> Iterator[Particles]:
        """Yield the particles of each observation after each step.

        Args:
            sampler: of ancestral sampling.
            denoise: finds x_0, with one entry per observation.
            observation: what is known.
            x: tells shape, dtype and device; particles start from noise of their own.
            noise: one stream per observation.
        """
        batch, *shape = x.shape
        rows = torch.arange(batch, device=x.device).repeat_interleave(self.particles)
        guide = MatchedGuidance(denoise, observation, self.covariance.value, self.data_deviation**2).select(rows)
        grid = sampler.diffusion.grid
        first = grid.num_timesteps - 1
        many = (self.particles, *shape)
        x = noise.normal("particles", first, many, x.dtype).flatten(0, 1)
        x = grid.path.start(grid.level(first, x), x)
        look = guide.look(x, grid.level(first, x))
        log_weights = look.log_likelihood.view(batch, -1)
        log_before = torch.zeros(batch, dtype=widest(x.device), device=x.device)
        for i in range(first, 0, -1):
            rows, log_weights, gained = self._resampled(log_weights, uniform(noise, i, x.device))
            log_before = log_before + gained
            x, look = x[rows], look.select(rows)
            step = _proposed(sampler, look, x, i, noise.normal("step", i, many, x.dtype).flatten(0, 1))
            seen = guide.look(step.x, grid.level(i - 1, x))
            factor = step.log_ratio + seen.log_likelihood - look.log_likelihood
            x, look, log_weights = step.x, seen, log_weights + factor.view(batch, -1)
            yield _cloud(x, _clip(sampler, look.guided).x_start, log_weights, log_before)
        x_start = _clip(sampler, look.guided).x_start  # as samplers do, the last step returns the mean
        x_start = agree(x_start, guide.observation)
        yield _cloud(x_start, x_start, log_weights, log_before)

    def _resampled(self, log_weights: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows of the particles that go on, all of them counted [b p], and their log-weights [b, p].

        Where enough particles are effective they stay; weights are 1 after resampling, and the log of what their mean
        was is returned as well [b], 0 where they stay.
        """
        batch, count = log_weights.shape
        weights = torch.softmax(log_weights.to(widest(log_weights.device)), dim=1)
        few = 1.0 / weights.square().sum(1, keepdim=True) < self.least_effective * count
        stay = torch.arange(count, device=log_weights.device)
        rows = torch.where(few, systematic(weights, at, count), stay)
        first = torch.arange(batch, device=log_weights.device)[:, None] * count
        gained = torch.where(few[:, 0], log_mean(log_weights), 0.0)
        return (first + rows).flatten(), torch.where(few, 0.0, log_weights), gained


CHOICE = -1
"""Step of the number that chooses among the particles in the end."""


@dataclass(frozen=True)
class _Step:
    """Where particles went, and log p(x_down | x_up) - log r(x_down | x_up) for each of them."""

    x: Tensor
    log_ratio: Tensor


def _proposed(sampler: Sampler, look: Look, x: Tensor, i: int, eps: Tensor) -> _Step:
    """Draw from r, which has the mean of guided x_0 and p's variance: the sampler's, or what is known of x_0's.

    With x_down = mean_r + std eps and d = (mean_r - mean_p) / std, log p - log r is -(d eps + d^2 / 2), summed up.
    """
    diffusion = sampler.diffusion
    at, known = diffusion.grid.transition(i, x), look.found.variance
    std = diffusion.variance.std(look.found.head, at)
    if known is not None:  # the best variance that a reverse step has (Bao et al. 2022, theorem 1)
        std = (at.posterior_variance + at.posterior_mean_coef1.square() * known).sqrt()
    mean = diffusion.reverse_mean(_clip(sampler, look.guided), at, x)
    moved = (mean - diffusion.reverse_mean(_clip(sampler, look.found), at, x)) / std
    return _Step(mean + std * eps, -(moved * (eps + 0.5 * moved)).flatten(1).sum(1))


def _clip(sampler: Sampler, found: Denoised) -> Denoised:
    """Bring x_0 to the range that the sampler's options say."""
    return clipped(found, sampler.clips, sampler.denoised_fn, sampler.threshold)


def _cloud(x: Tensor, x_start: Tensor, log_weights: Tensor, log_before: Tensor) -> Particles:
    shape = (*log_weights.shape, *x.shape[1:])
    return Particles(x.view(shape), x_start.view(shape), log_weights, log_before)


def uniform(noise: NoiseSource, step: int, device: torch.device) -> Tensor:
    """One uniform number in [0, 1) for each observation [b, 1]."""
    normal = noise.normal("resample", step, (1,), widest(device))
    return torch.special.ndtr(normal).clamp(max=1.0 - torch.finfo(normal.dtype).eps / 2)
