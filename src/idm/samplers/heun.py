"""Heun's method on the probability-flow ODE, with churn (Karras et al. 2022, algorithm 2).

In y = x / alpha the flow over kappa = sigma / alpha is dy / dkappa = eps. A step takes the mean of the eps at both of
its ends; the last one, to clean data, knows that at the upper end alone, as does one from noise alone, which has no y:
2 T - 1 calls of the network for T levels, or 2 T - 2.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.tensors import made_once
from idm.diffusion import Denoiser
from idm.samplers.base import Sampler, SampleStep
from idm.schedules import Transition

LARGEST_CHURN = math.sqrt(2.0) - 1.0
"""Largest share by which noise grows before a step."""


@dataclass(frozen=True)
class _Way:
    """One step in numbers.

    Attributes:
        at: from the level that is reached by churn, if there is any.
        keep: weight of the sample on its way there.
        noise: weight of the noise that is drawn for it; None where none is.
        correct: weight of the change of x_0; None where the second call is left out.
    """

    at: Transition
    keep: Tensor
    noise: Tensor | None
    correct: Tensor | None


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
        """One a step, and another where a step ends in noise and starts from some signal."""
        return self.diffusion.num_timesteps + int(self.diffusion.grid.levels.kappa[1:].isfinite().sum())

    @property
    def why_no_variance(self) -> str:
        """Each step has too much variance already, and noise cannot take any away.

        In y = x / alpha a step from kappa_1 to kappa_0 brings Gaussian data of variance S to S d^3 / (q u) (kappa_0 +
        S d / (4 q)) above S + kappa_0^2, where d = kappa_1 - kappa_0, u = S + kappa_1^2, q = S + kappa_0^2. Churn is no
        part of that: it goes up to a level with just the noise of that level.
        """
        return "whose every step has more variance than Gaussian data already, where a variance can only add"

    def step(self, denoise: Denoiser, state: SampleStep[None], i: int, noise: NoiseSource) -> SampleStep[None]:
        """Go down by the eps here, then once more by the mean of it and the eps found there.

        The first way down keeps x_0 and eps, so that the second eps differs by what x_0 has changed.
        """
        x, way = state.sample, self._way(i, state.sample)
        if way.noise is not None:
            x = torch.addcmul(way.keep * x, way.noise, noise.normal("step", i, x.shape[1:], x.dtype))
        x_start = denoise(x, way.at.up).x_start
        below = way.at.ddim(x_start, x)
        if way.correct is not None:
            below = torch.addcmul(below, way.correct, denoise(below, way.at.down).x_start - x_start)
        return SampleStep(below, x_start)

    def _way(self, i: int, x: Tensor) -> _Way:
        """What the step from place ``i`` does, made once."""
        return made_once(self._ways, (i, x.device, x.dtype), lambda: self._new_way(i, x))

    @cached_property
    def _ways(self) -> dict[tuple[int, torch.device, torch.dtype], _Way]:
        return {}

    def _new_way(self, i: int, x: Tensor) -> _Way:
        grid, at = self.diffusion.grid, self.diffusion.grid.transition(i, x)
        kappa, keep, noise = float(grid.levels.kappa[i]), at.up.gain, None
        share = min(self.churn / self.diffusion.num_timesteps, LARGEST_CHURN)
        if share > 0 and self.churn_min <= kappa <= self.churn_max and math.isfinite(kappa):
            higher = grid.at_ratio(kappa * (1.0 + share), x)  # the last level of the path, where there is none beyond
            keep = higher.alpha * at.up.gain
            noise = higher.alpha * self.churn_noise * (higher.kappa**2 - at.up.kappa**2).clamp(min=0.0).sqrt()
            at = Transition.between(higher, at.down)
        # In y = x / alpha a step is kappa_down - kappa_up long; noise alone has no y.
        correct = 0.5 * at.ddim_coef1 * at.up.kappa / at.down.kappa if i > 0 and math.isfinite(kappa) else None
        return _Way(at, keep, noise, correct)
