"""Ancestral sampling (Ho et al. 2020, algorithm 2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.rng import NoiseSource
from idm.core.tensors import append_dims
from idm.core.types import Images, Network
from idm.diffusion import ModelKwargs
from idm.samplers.base import Sampler, SampleStep


@dataclass(frozen=True)
class SamplerDDPM(Sampler):
    """Draws x_{t-1} ~ p(x_{t-1} | x_t), step by step; the last step returns the mean."""

    def p_sample(
        self,
        model: Network,
        x_t: Images,
        t: int | Tensor,
        *,
        noise: Images | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> SampleStep:
        """Take one step: mean + std * noise, without noise at step 0.

        Args:
            model: the network.
            x_t: samples at step t.
            t: a step, or int64 [b] for one per sample.
            noise: standard normal, of x_t's shape; drawn from torch's default generator if None.
            model_kwargs: conditioning.
        """
        reverse = self.diffusion.p_mean_variance(
            model,
            x_t,
            t,
            clip_denoised=self.clip_denoised,
            denoised_fn=self.denoised_fn,
            model_kwargs=model_kwargs,
        )
        if isinstance(t, int) and t == 0:
            return SampleStep(reverse.mean, reverse.pred_xstart)
        noise = torch.randn_like(x_t) if noise is None else noise
        scale = reverse.std
        if not isinstance(t, int):
            scale = scale * append_dims(t.to(x_t.device) != 0, x_t.ndim)
        return SampleStep(torch.addcmul(reverse.mean, scale, noise), reverse.pred_xstart)

    def step(
        self, model: Network, previous: SampleStep, t: int, rng: NoiseSource, model_kwargs: ModelKwargs | None = None
    ) -> SampleStep:
        """One ``p_sample`` with the noise of step ``t``."""
        x_t = previous.sample
        noise = rng.normal("step", t, x_t.shape[1:], x_t.dtype) if t > 0 else None
        return self.p_sample(model, x_t, t, noise=noise, model_kwargs=model_kwargs)

    p_sample_loop = Sampler.sample
    """The reference's name for ``sample``."""
