"""Multistep solvers of the probability-flow ODE, and of the SDEs with the same marginals, in the log SNR.

One rule with settings: DPM-Solver++(2M) and (3M), UniPC, DEIS and SA-Solver (Lu et al. 2022; Zhao et al. 2023; Zhang &
Chen 2023; Xue et al. 2023). Order 1 without a corrector is DDIM. The network is called once a step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.tensors import made_once
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.samplers.base import Sampler, SampleStep
from idm.samplers.deviation import with_uncertainty
from idm.samplers.exponential import Integration, MultistepRule, weighted_sum
from idm.schedules import Level
from idm.schedules.table import held_in


@dataclass(frozen=True)
class Past:
    """What the next step sees of those before it.

    Attributes:
        base: the last step's new sample, without what its values add.
        values: x_0 or eps at the levels before, the last one first.
    """

    base: Tensor
    values: tuple[Tensor, ...]


@dataclass(frozen=True)
class Weights:
    """One step in numbers: x_down = keep x + noise xi + sum_j values_j v_j.

    Attributes:
        keep: weight of the sample.
        noise: standard deviation of what is drawn; None where nothing is.
        predict: weights of the values at the level up and before it.
        correct: weights of the value at the level down, and then of those.
        every: weight of all values together, read as x_0.
    """

    keep: Tensor
    noise: Tensor | None
    predict: tuple[Tensor, ...]
    correct: tuple[Tensor, ...]
    every: Tensor


@dataclass(frozen=True, repr=False)
class SamplerMultistep(Sampler[Past]):
    """Exponential multistep solver in the log signal-to-noise ratio; UniPC of order 2 by default.

    Attributes:
        order: values that a step extrapolates from; the first steps have fewer, and the last is a step of DDIM.
        corrector: take each step once more when the network has seen its end, which costs no call (UniC).
        rule: what is interpolated, and how it is integrated.
        tau: share of noise: 0 is the flow; at 1 order 1 without a corrector is ancestral sampling with FIXED_SMALL.

    Of the model's variance only an ``Analytic`` one plays a part, and that in order 1 without a corrector: a step adds
    the square of the weight of x_0 times Var(x_0 | x_t), so that Gaussian data keep their variance, whatever tau is.
    """

    usual_spacing: ClassVar[str] = "log_snr"
    order: Annotated[int, Ge(1), Le(4)] = 2
    corrector: bool = True
    rule: MultistepRule = MultistepRule.UNIPC
    tau: Annotated[float, Ge(0), Le(100)] = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no rule, and noise where eps is interpolated: its equation has none.

        Raises:
            SettingsError: as said, or an option out of range.
        """
        super().__post_init__()
        if self.tau > 0 and self._integration.of_eps:
            raise SettingsError(
                f"tau: 0 wanted with rule={self.rule.name.lower()}, which interpolates eps, got {self.tau}; "
                "set another rule"
            )

    @property
    def why_no_variance(self) -> str:
        """A step from one x_0 lacks what Var(x_0 | x_t) adds; what one from several lacks is no matter of one level.

        It depends on how these x_0 and x_t vary together, which their own steps made, and may be less than nothing: on
        the flow of Gaussian data a step of order 2 has too little variance at much noise and too much at little noise.
        """
        if self.order == 1 and not self.corrector:
            return ""
        return "where a step from several x_0 may have too much variance already, and no error curve tells how much"

    @property
    def way_to_use_variance(self) -> str:
        """A step from one x_0, or another sampler."""
        return f"set order=1 and corrector=false, or {super().way_to_use_variance}"

    @property
    def _integration(self) -> Integration:
        return self.rule.value

    def step(self, denoise: Denoiser, state: SampleStep[Past], i: int, noise: NoiseSource) -> SampleStep[Past]:
        """Correct the last step by what is found at place ``i``, and extrapolate to the place below."""
        x_t, past = state.sample, state.memory
        at = self.diffusion.grid.transition(i, x_t)
        found = denoise(x_t, at.up)
        if i == 0 or not math.isfinite(self._log_snr[i]):  # clean data, or noise alone, are infinitely far in log SNR
            spread = self._std(None, at.ddim_coef1, found, x_t, at.up) if i > 0 else None
            return SampleStep(_drawn(at.ddim(found.x_start, x_t), spread, i, noise), found.x_start)
        values = (self._integration.read(found, x_t, at.up), *(past.values if past is not None else ()))
        if past is not None and self.corrector:
            x_t = weighted_sum(past.base, self.weights(i + 1, len(past.values), x_t).correct, values)
        values = values[: self.order]
        weights = self.weights(i, len(values), x_t)
        std = self._std(weights.noise, weights.every, found, state.sample, at.up)
        base = _drawn(weights.keep * x_t, std, i, noise)
        return SampleStep(weighted_sum(base, weights.predict, values), found.x_start, Past(base, values))

    def state_after(self, x: Tensor, i: int, seen: Sequence[tuple[Tensor, Denoised]]) -> SampleStep[Past]:
        """Return the state at place ``i`` as if steps that saw the places above had led to ``x`` without any error.

        Args:
            x: the sample.
            i: its place.
            seen: samples at the places i, i + 1, ... and what was found in them; at least two, as many as shall be
                known and one more.
        """
        grid = self.diffusion.grid
        now, *values = (
            self._integration.read(found, sample, grid.level(i + back, sample))
            for back, (sample, found) in enumerate(seen)
        )
        correct = self.weights(i + 1, len(values), x).correct
        return SampleStep(
            x, memory=Past(weighted_sum(x, [-weight for weight in correct], (now, *values)), tuple(values))
        )

    @cached_property
    def _log_snr(self) -> list[float]:
        """Lambda = -log kappa of every place: half of the logarithm of the signal-to-noise ratio."""
        return (-torch.log(self.diffusion.grid.levels.kappa)).tolist()

    @cached_property
    def _on_host(self) -> tuple[list[float], list[float]]:
        """Alpha and sigma of every place."""
        levels = self.diffusion.grid.levels
        return levels.alpha.tolist(), levels.sigma.tolist()

    def weights(self, i: int, count: int, x: Tensor) -> Weights:
        """Return the weights of the step from place ``i``, where ``count`` values are known, made once."""
        key = (i, count, x.device, x.dtype)
        return made_once(self._known_weights, key, lambda: self._new_weights(i, count, x))

    @cached_property
    def _known_weights(self) -> dict[tuple[int, int, torch.device, torch.dtype], Weights]:
        return {}

    def _new_weights(self, i: int, count: int, x: Tensor) -> Weights:
        log_snr, (alphas, sigmas) = self._log_snr, self._on_host
        (alpha, alpha_up), (sigma, sigma_up) = alphas[i - 1 : i + 1], sigmas[i - 1 : i + 1]
        h, drift = log_snr[i - 1] - log_snr[i], self.tau**2 * (log_snr[i - 1] - log_snr[i])
        # Noise stretches h (Xue et al. 2023, eq. 8): the drift is that of the flow, 1 + tau^2 times.
        length, scale, keep = h + drift, alpha, math.exp(-drift) * sigma / sigma_up
        if self._integration.of_eps:
            length, scale, keep = -h, sigma, alpha / alpha_up
        nodes = [(log_snr[i + back] - log_snr[i]) / h for back in range(count)]
        predict, correct = (self._integration.weights(length, known) for known in (nodes, [1.0, *nodes]))
        deviation = sigma * math.sqrt(-math.expm1(-2.0 * drift))
        of_x_start = -alpha * math.expm1(-h - drift)  # all values together, read as x_0
        numbers = [keep, deviation, of_x_start, *(scale * weight for weight in (*predict, *correct))]
        keeps, noise, every, *rest = torch.tensor(numbers, dtype=held_in(x)).to(x.device).unbind()
        return Weights(keeps, noise if deviation > 0 else None, tuple(rest[:count]), tuple(rest[count:]), every)

    def _std(self, own: Tensor | None, weight: Tensor, found: Denoised, x: Images, at: Level) -> Tensor | None:
        """Standard deviation of what a step draws that counts x_0 with ``weight``; None where it draws nothing."""
        return with_uncertainty(own, weight, self.diffusion.variance, found, x, at) if self.uses_variance else own


def _drawn(mean: Tensor, std: Tensor | None, i: int, noise: NoiseSource) -> Tensor:
    """Add the noise of step ``i``, if there is any."""
    return mean if std is None else torch.addcmul(mean, std, noise.normal("step", i, mean.shape[1:], mean.dtype))
