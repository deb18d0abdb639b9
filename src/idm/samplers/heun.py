"""Heun's method on the probability-flow ODE, with churn (Karras et al. 2022, algorithm 2).

In y = x / alpha the flow over kappa = sigma / alpha is dy / dkappa = eps. A step takes the mean of the eps at both of
its ends; the last one, to clean data, knows that at the upper end alone: 2 T - 1 calls of the network for T levels.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.diffusion import Denoiser
from idm.samplers.base import Sampler, SampleStep
from idm.schedules import Level, Transition

LARGEST_CHURN = math.sqrt(2.0) - 1.0
"""Share by which noise grows before a step, at the most."""


@dataclass(frozen=True, repr=False)
class SamplerHeun(Sampler[None]):
    """Second-order sampler; without churn it follows the flow.

    Attributes:
        churn: share by which the noise grows before the steps, added up over all of them: S_churn of the paper.
        churn_min: noise-to-signal ratio below which it does not: S_tmin.
        churn_max: ratio above which it does not: S_tmax.
        churn_noise: standard deviation of what is drawn for it: S_noise.
    """

    usual_spacing: ClassVar[str] = "log_snr"
    churn: Annotated[float, Ge(0)] = 0.0
    churn_min: Annotated[float, Ge(0)] = 0.0
    churn_max: Annotated[float, Ge(0)] = 1e12
    churn_noise: Annotated[float, Ge(0)] = 1.0

    def __post_init__(self) -> None:
        """Refuse an empty range of churn, and churn of a prediction that is of two levels of the grid.

        Raises:
            SettingsError: as said, or an option out of range.
        """
        super().__post_init__()
        if self.churn_min > self.churn_max:
            raise SettingsError(f"churn_min: at most churn_max={self.churn_max} wanted, got {self.churn_min}")
        if self.churn > 0 and self.diffusion.prediction.is_mean:
            raise SettingsError(
                "churn: 0 wanted with a network that predicts previous_x, which it does at levels of the grid alone, "
                f"got {self.churn}"
            )

    @property
    def num_calls(self) -> int:
        """2 T - 1."""
        return 2 * self.diffusion.num_timesteps - 1

    def step(self, denoise: Denoiser, state: SampleStep[None], i: int, noise: NoiseSource) -> SampleStep[None]:
        """Go down by the eps here, then once more by the mean of it and the eps found there."""
        x, at = state.sample, self.diffusion.grid.transition(i, state.sample)
        kappa = float(self.diffusion.grid.levels.kappa[i])
        share = min(self.churn / self.diffusion.num_timesteps, LARGEST_CHURN)
        if share > 0 and self.churn_min <= kappa <= self.churn_max and math.isfinite(kappa):
            higher = self.diffusion.grid.at_ratio(kappa * (1.0 + share), x)
            x = self._noisier(x, at.up, higher, noise.normal("step", i, x.shape[1:], x.dtype))
            at = Transition.between(higher, at.down)
        x_start = denoise(x, at.up).x_start
        below = at.ddim(x_start, x)
        if i > 0 and math.isfinite(kappa):  # noise alone has no y
            eps = at.up.eps(x, x_start)
            change = at.down.eps(below, denoise(below, at.down).x_start) - eps
            below = below + 0.5 * (at.down.sigma - at.down.alpha * at.up.kappa) * change
        return SampleStep(below, x_start)

    def _noisier(self, x: Tensor, at: Level, higher: Level, noise: Tensor) -> Tensor:
        """Bring samples to a level with more noise; to the last one of the path, where there is none beyond it."""
        added = (higher.kappa**2 - at.kappa**2).clamp(min=0.0).sqrt()
        return higher.alpha * (at.gain * x + self.churn_noise * added * noise)
