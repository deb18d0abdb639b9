"""DDIM sampling and its reversal (Song, Meng & Ermon 2021).

x_{t-1} = sqrt(abar_{t-1}) x_0 + sqrt(1 - abar_{t-1} - sigma_t^2) eps + sigma_t noise (eq. 12), with
sigma_t = eta sqrt(betatilde_t) (eq. 16). eta = 0 is deterministic; eta = 1 is ancestral sampling with the
posterior variance (FIXED_SMALL) on the same steps.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.tensors import made_once
from idm.core.types import Images, Network
from idm.diffusion import Denoised, Denoiser, ModelKwargs, Place
from idm.samplers.base import Sampler, SampleStep
from idm.samplers.capping import capped
from idm.samplers.clipping import ClippingRule, DDIMClipping
from idm.schedules import Transition


@dataclass(frozen=True)
class _Weights:
    """One step in numbers, or in those of each sample.

    Attributes:
        x_start: weight of the x_0 that is used, from which eps is derived again.
        x: weight of the sample.
        changed: weight of what clipping has added to x_0, where eps is kept as it was before.
        noise: standard deviation of the noise that eta asks for; None where that is none.
    """

    x_start: Tensor
    x: Tensor
    changed: Tensor
    noise: Tensor | None


@dataclass(frozen=True, repr=False)
class SamplerDDIM(Sampler[None]):
    """Samples by DDIM; the model's variance plays a part only where it knows that of x_0, and then adds noise.

    A step counts x_0 with another weight than the posterior, and so adds that weight squared times Var(x_0 | x_t) to
    eta^2 betatilde (Bao et al. 2022, theorem 1): Analytic-DDIM, and SN-DDIM and NPR-DDIM.

    Attributes:
        eta: share of noise, from 0 (deterministic) to 1 (ancestral sampling); a little more where every step of the
            chain has room for it.
        clipping: convention for x_0 and eps; without effect where ``clip_denoised`` is off.
        last_noise_cap: largest mean absolute value of the noise of the last steps that add any, as of ``SamplerDDPM``.
        last_noise_steps: how many steps these are.
    """

    eta: float = 0.0
    clipping: DDIMClipping = DDIMClipping.REDERIVE
    last_noise_cap: Annotated[float, Ge(0.0)] = 0.0
    last_noise_steps: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        """Refuse an eta for which the noise exceeds sigma of the level below at some step but the last."""
        super().__post_init__()
        new_noise = self.diffusion.grid.new_noise[1:]
        largest = float(new_noise.max() ** -0.5) if new_noise.size else 1.0
        if not 0.0 <= self.eta <= max(1.0, largest):
            raise SettingsError(
                f"eta: a number from 0 (deterministic) to 1 (ancestral sampling) wanted, got {self.eta}"
            )

    @property
    def clips(self) -> bool:
        """Whether a predicted x_0 is kept in [-1, 1], by any convention."""
        return self._rule.clips

    @property
    def way_to_clip(self) -> str:
        """The options that are to be set for that."""
        convention = "clipping=rederive" if self.clipping is DDIMClipping.NONE else ""
        return " and ".join(filter(None, ("" if self.clip_denoised else super().way_to_clip, convention)))

    @cached_property
    def _rule(self) -> ClippingRule:
        return (self.clipping if self.clip_denoised else DDIMClipping.NONE).value

    @property
    def why_no_variance(self) -> str:
        """Noise of an ``Analytic`` one is added."""
        return ""

    def step(self, denoise: Denoiser, state: SampleStep[None], i: int, noise: NoiseSource) -> SampleStep[None]:
        """Go down with the noise of step ``i``, where there is any; the last step adds none."""
        x_t, at = state.sample, self.diffusion.grid.transition(i, state.sample)
        found = denoise(x_t, at.up)
        weights = made_once(self._known_weights, (i, x_t.device, x_t.dtype), lambda: self._new_weights(at))
        std = self._std(weights, found, x_t, at) if i > 0 else None
        if std is None:
            return self._down(found, x_t, weights)
        std = capped(std, i, self.last_noise_cap, self.last_noise_steps)
        return self._down(found, x_t, weights, std, noise.normal("step", i, x_t.shape[1:], x_t.dtype))

    @cached_property
    def _known_weights(self) -> dict[tuple[int, torch.device, torch.dtype], _Weights]:
        return {}

    def _new_weights(self, at: Transition) -> _Weights:
        """Write equation 12 with eps = (x_t - alpha x_0) / sigma put in."""
        if self.eta == 0:
            return _Weights(at.ddim_coef1, at.ddim_coef2, at.down.sigma / at.up.kappa, None)
        # sigma_down^2 - eta^2 betatilde, as a sum that rounding leaves positive where eta is at most 1.
        kept = (1.0 - self.eta**2) * at.down.sigma**2 + (self.eta * at.posterior_mean_coef2 * at.up.sigma) ** 2
        kept, added = kept.clamp(min=0.0).sqrt(), self.eta * at.posterior_variance.sqrt()
        # alpha_down - kept alpha_up / sigma_up, without its rounding
        of_x_start = at.ddim_coef1 + added**2 / (at.down.sigma + kept + at.is_last) / at.up.kappa
        return _Weights(of_x_start, kept / at.up.sigma, kept / at.up.kappa, added)

    def _std(self, weights: _Weights, found: Denoised, x_t: Images, at: Transition) -> Tensor | None:
        """Standard deviation of the noise of a step; None where there is none."""
        variance = self.diffusion.variance
        uncertain = variance.x_start_variance(variance.reads(found, x_t, at.up), at.up)
        if uncertain is None:
            return weights.noise
        added = uncertain * weights.x_start**2
        added = added if weights.noise is None else added + weights.noise**2
        return added.sqrt() * (1.0 - at.is_last)

    def ddim_sample(
        self,
        model: Network,
        x_t: Images,
        t: Place,
        *,
        noise: Images | None = None,
        model_kwargs: ModelKwargs | None = None,
    ) -> SampleStep[None]:
        """Take one step from t to t - 1.

        Args:
            model: the network.
            x_t: samples at step t.
            t: a step, or int64 [b] for one per sample, or its level.
            noise: standard normal, of x_t's shape; without effect where the step is deterministic, drawn from torch's
                default generator if None.
            model_kwargs: conditioning.
        """
        at = self.diffusion.transition(t, x_t)
        weights, found = self._new_weights(at), self.denoiser(model, model_kwargs)(x_t, at.up)
        std = self._std(weights, found, x_t, at)
        if std is None:
            return self._down(found, x_t, weights)
        return self._down(found, x_t, weights, std, torch.randn_like(x_t) if noise is None else noise)

    def _down(
        self,
        found: Denoised,
        x_t: Images,
        weights: _Weights,
        std: Tensor | None = None,
        noise: Images | None = None,
    ) -> SampleStep[None]:
        """Equation 12, with noise of unit variance times ``std`` or with none."""
        sample = torch.addcmul(weights.x_start * found.x_start, weights.x, x_t)
        if self._rule.keeps_eps:
            sample = torch.addcmul(sample, weights.changed, found.x_start - found.raw)
        if std is not None and noise is not None:
            sample = torch.addcmul(sample, std, noise)
        return SampleStep(sample, found.x_start)

    sample_loop = Sampler.sample
    """The reference's name for ``sample``."""

    def ddim_reverse_sample(
        self, model: Network, x_t: Images, t: Place, *, model_kwargs: ModelKwargs | None = None
    ) -> SampleStep[None]:
        """Take one deterministic step up, from t to t + 1 (from T - 1 to pure noise).

        The eps of step t stands in for the unknown one of step t + 1, so undoing it is approximate, to first
        order in the step. Clip nothing (``clip_denoised=False``) where the step shall be undone;
        ``idm.editing.encode`` sees to that, and to the first step up from clean data.

        Raises:
            SettingsError: eta is not 0.
        """
        if self.eta != 0:
            raise SettingsError(f"eta: 0 wanted for a reversible step, got {self.eta}")
        grid, at = self.diffusion.grid, self.diffusion.transition(t, x_t).up
        above = grid.level((t if isinstance(t, int | Tensor) else grid.places_of(at.time.flatten())) + 1, x_t)
        found = self.denoiser(model, model_kwargs)(x_t, at)
        return SampleStep(above.diffuse(found.x_start, self._rule.eps(found, x_t, at)), found.x_start)
