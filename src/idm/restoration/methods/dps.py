"""DPS (Chung, Kim, Mccann, Klasky & Ye 2023): each step is followed by one down the slope of the misfit."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import torch
from annotated_types import Gt
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.restoration.methods.linearised import LARGEST_RATIO, is_too_noisy
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation
from idm.restoration.operators.base import Operator
from idm.samplers import Sampler, SampleStep
from idm.schedules import Level


@final
@dataclass(frozen=True)
class DPS(Stepwise):
    """x_down - scale times the gradient, by x_up, of |o - A x_0-hat(x_up)|, the norm itself.

    Works with operators of any kind. How much it heeds the observation depends on ``scale`` and on the number of steps.

    Attributes:
        scale: zeta of the paper.
    """

    takes: ClassVar[type[Operator]] = Operator
    uses_gradients: ClassVar[bool] = True
    scale: Annotated[float, Gt(0)] = 0.3

    def step(
        self,
        sampler: Sampler,
        denoise: Denoiser,
        observation: Observation,
        state: SampleStep,
        i: int,
        noise: NoiseSource,
    ) -> SampleStep:
        """Take one step without guidance, then one down the slope; memory is of samples before that."""
        watched = _Watched(denoise, observation)
        state = sampler.step(sampler.clipped(watched), state, i, noise)
        assert watched.slope is not None
        return SampleStep(state.sample - self.scale * watched.slope, state.pred_xstart)


@final
class _Watched:
    """A denoiser for one step, which keeps the slope of the misfit at its first call.

    Attributes:
        slope: gradient of |o - A x_0-hat(x)| by x; 0 where noise is more than ``LARGEST_RATIO`` times the signal.
    """

    def __init__(self, inner: Denoiser, observation: Observation) -> None:
        self._inner, self._observation = inner, observation
        self.slope: Tensor | None = None

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Denoise, and differentiate where that was not done yet."""
        if self.slope is not None:
            return self._inner(x, at)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x.detach().clone().requires_grad_()
            found = self._inner(leaf, at)
            self.slope = torch.zeros_like(x) if is_too_noisy(at) else self._slope(found, leaf, at)
        return found

    def _slope(self, found: Denoised, leaf: Tensor, at: Level) -> Tensor:
        missing = self._observation.residual(found.raw)
        if found.raw.requires_grad and not missing.requires_grad:
            raise SettingsError(
                "operator: a function that torch can differentiate wanted by DPS, got one whose result has no "
                "gradient; compute it with torch, from what it is given"
            )
        (slope,) = torch.autograd.grad(torch.linalg.vector_norm(missing.flatten(1), dim=1).sum(), leaf)
        return torch.where(at.kappa <= LARGEST_RATIO, slope, 0.0)

    def select(self, rows: Tensor, /) -> "_Watched":
        """Select from both."""
        return _Watched(self._inner.select(rows), self._observation.select(rows))
