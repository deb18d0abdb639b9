"""Ancestral sampling (Ho et al. 2020, algorithm 2)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from idm.core.rng import NoiseSource
from idm.core.types import Images, Network
from idm.diffusion import Denoiser, ModelKwargs, Place
from idm.samplers.base import Sampler, SampleStep
from idm.samplers.capping import capped
from idm.schedules import Transition


@dataclass(frozen=True, repr=False)
class SamplerDDPM(Sampler[None]):
    """Draws x_{t-1} ~ p(x_{t-1} | x_t), step by step; the last step returns the mean.

    Attributes:
        last_noise_cap: largest mean absolute value of the noise of the last steps that add any, in the model's range,
            where a grey level of 8-bit images is 0.0078; 0: none. Bao et al. 2022 take one or two grey levels.
        last_noise_steps: how many steps these are.
    """

    last_noise_cap: Annotated[float, Ge(0.0)] = 0.0
    last_noise_steps: Annotated[int, Ge(1)] = 1

    @property
    def why_no_variance(self) -> str:
        """Nothing: the variance always plays a part."""
        return ""

    def step(self, denoise: Denoiser, state: SampleStep[None], i: int, noise: NoiseSource) -> SampleStep[None]:
        """Draw with the noise of step ``i``; the last step adds none."""
        x_t = state.sample
        drawn = noise.normal("step", i, x_t.shape[1:], x_t.dtype) if i > 0 else None
        return self._down(denoise, x_t, self.diffusion.grid.transition(i, x_t), drawn, i)

    def p_sample(
        self,
        model: Network,
        x_t: Images,
        t: Place,
        *,
        noise: Images | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> SampleStep[None]:
        """Take one step: mean + std * noise, without noise at step 0; no cap is put on it.

        Args:
            model: the network.
            x_t: samples at step t.
            t: a step, or int64 [b] for one per sample, or its level.
            noise: standard normal, of x_t's shape; drawn from torch's default generator if None.
            model_kwargs: conditioning.
        """
        at = self.diffusion.transition(t, x_t)
        noise = torch.randn_like(x_t) if noise is None else noise
        return self._down(self.denoiser(model, model_kwargs), x_t, at, noise * (1.0 - at.is_last))

    def _down(
        self, denoise: Denoiser, x_t: Images, at: Transition, noise: Tensor | None, i: int | None = None
    ) -> SampleStep[None]:
        found = denoise(x_t, at.up)
        mean = self.diffusion.reverse_mean(found, at, x_t)
        if noise is not None:
            variance = self.diffusion.variance
            std = variance.std(variance.reads(found, x_t, at.up), at)
            std = std if i is None else capped(std, i, self.last_noise_cap, self.last_noise_steps)
            mean = torch.addcmul(mean, std, noise)
        return SampleStep(mean, found.x_start)

    p_sample_loop = Sampler.sample
    """The reference's name for ``sample``."""
