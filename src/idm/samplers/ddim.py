"""DDIM sampling and its reversal (Song, Meng & Ermon 2021).

x_{t-1} = sqrt(abar_{t-1}) x_0 + sqrt(1 - abar_{t-1} - sigma_t^2) eps + sigma_t noise (eq. 12), with
sigma_t = eta sqrt(betatilde_t) (eq. 16). eta = 0 is deterministic; eta = 1 is ancestral sampling with the
posterior variance (FIXED_SMALL) on the same steps.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.types import Images, Network
from idm.diffusion import ModelKwargs
from idm.samplers.base import Sampler, SampleStep
from idm.samplers.clipping import ClippingRule, DDIMClipping
from idm.schedules import StepTable


@dataclass(frozen=True)
class DDIMCoefficients:
    """Coefficients of one step down (signal, direction, sigma) and one step up (next_signal, next_noise)."""

    signal: Tensor
    direction: Tensor
    sigma: Tensor
    next_signal: Tensor
    next_noise: Tensor


@dataclass(frozen=True)
class SamplerDDIM(Sampler):
    """Samples by DDIM; the model's variance plays no part.

    Attributes:
        eta: share of noise, from 0 (deterministic) to 1 (ancestral sampling); a little more where every step of the
            chain has room for it.
        clipping: convention for x_0 and eps; without effect where ``clip_denoised`` is off.
    """

    eta: float = 0.0
    clipping: DDIMClipping = DDIMClipping.REDERIVE

    def __post_init__(self) -> None:
        """Refuse an eta for which sigma^2 exceeds 1 - abar at some step."""
        super().__post_init__()
        schedule = self.diffusion.schedule
        variance, room = schedule.posterior_variance[1:], 1.0 - schedule.alphas_cumprod_prev[1:]
        largest = float(np.sqrt(np.min(room / variance))) if variance.size else 1.0
        if not 0.0 <= self.eta <= max(1.0, largest):
            raise SettingsError(
                f"eta: a number from 0 (deterministic) to 1 (ancestral sampling) wanted, got {self.eta}"
            )

    @cached_property
    def _table(self) -> StepTable[DDIMCoefficients]:
        schedule = self.diffusion.schedule
        sigma = self.eta * np.sqrt(schedule.posterior_variance)
        direction = np.sqrt(np.maximum(1.0 - schedule.alphas_cumprod_prev - sigma**2, 0.0))
        return StepTable(
            DDIMCoefficients,
            signal=np.sqrt(schedule.alphas_cumprod_prev),
            direction=direction,
            sigma=sigma,
            next_signal=np.sqrt(schedule.alphas_cumprod_next),
            next_noise=np.sqrt(1.0 - schedule.alphas_cumprod_next),
        )

    @property
    def clips(self) -> bool:
        """Whether a predicted x_0 is kept in [-1, 1], by any convention."""
        return self._rule.clips

    @property
    def _rule(self) -> ClippingRule:
        return (self.clipping if self.clip_denoised else DDIMClipping.NONE).value

    def directions(
        self, model: Network, x_t: Images, t: int | Tensor, model_kwargs: ModelKwargs | None = None
    ) -> tuple[Images, Images]:
        """Return the x_0 and eps that the network sees in x_t, under the clipping convention."""
        output = self.diffusion.predict(model, x_t, t, model_kwargs)
        return self._rule.directions(self.diffusion, output, x_t, t, self.denoised_fn)

    def ddim_sample(
        self,
        model: Network,
        x_t: Images,
        t: int | Tensor,
        *,
        noise: Images | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> SampleStep:
        """Take one step from t to t - 1.

        Args:
            model: the network.
            x_t: samples at step t.
            t: a step, or int64 [b] for one per sample.
            noise: standard normal, of x_t's shape; without effect where eta is 0, drawn from torch's default
                generator if None.
            model_kwargs: conditioning.
        """
        pred_xstart, eps = self.directions(model, x_t, t, model_kwargs)
        at = self._table.at(t, x_t)
        sample = torch.addcmul(at.signal * pred_xstart, at.direction, eps)
        if self.eta > 0:
            sample = sample + at.sigma * (torch.randn_like(x_t) if noise is None else noise)
        return SampleStep(sample, pred_xstart)

    def step(
        self, model: Network, previous: SampleStep, t: int, rng: NoiseSource, model_kwargs: ModelKwargs | None = None
    ) -> SampleStep:
        """One ``ddim_sample`` with the noise of step ``t``."""
        x_t = previous.sample
        noise = rng.normal("step", t, x_t.shape[1:], x_t.dtype) if self.eta > 0 else None
        return self.ddim_sample(model, x_t, t, noise=noise, model_kwargs=model_kwargs)

    sample_loop = Sampler.sample
    """The reference's name for ``sample``."""

    def ddim_reverse_sample(
        self, model: Network, x_t: Images, t: int | Tensor, *, model_kwargs: ModelKwargs | None = None
    ) -> SampleStep:
        """Take one deterministic step up, from t to t + 1 (from T - 1 to pure noise).

        The eps of step t stands in for the unknown one of step t + 1, so undoing it is approximate, to first
        order in the step. Clip nothing (``clip_denoised=False``) where the step shall be undone;
        ``idm.editing.encode`` sees to that, and to the first step up from clean data.

        Raises:
            SettingsError: eta is not 0.
        """
        if self.eta != 0:
            raise SettingsError(f"eta: 0 wanted for a reversible step, got {self.eta}")
        pred_xstart, eps = self.directions(model, x_t, t, model_kwargs)
        at = self._table.at(t, x_t)
        return SampleStep(torch.addcmul(at.next_signal * pred_xstart, at.next_noise, eps), pred_xstart)
