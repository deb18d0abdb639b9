"""A multistep solver whose weights were fitted to one network, a few numbers for each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import NoiseSource
from idm.core.tensors import made_once
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.samplers.base import Sampler, SampleStep
from idm.samplers.exponential import MultistepRule, weighted_sum
from idm.samplers.multistep import SamplerMultistep
from idm.schedules.table import held_in

MOST_VALUES = 4
"""Values of x_0 that a step looks back on, its own one included."""


@dataclass(frozen=True)
class StepWeights:
    """One step in numbers: x_down = keep x + sum_j values_j x_0_j.

    Attributes:
        keep: weight of the sample.
        values: weights of the x_0 found at the level up, and at those before it.
    """

    keep: float
    values: tuple[float, ...]

    def walk(self, x: Tensor, values: Sequence[Tensor]) -> Tensor:
        """Take the step."""
        keep, *rest = self._held(x.device, held_in(x))
        return weighted_sum(keep * x, rest, values)

    @cached_property
    def _known(self) -> dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]]:
        return {}

    def _held(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return the numbers as tensors without axes, copied once to each device."""
        numbers = [self.keep, *self.values]
        return made_once(self._known, (device, dtype), lambda: torch.tensor(numbers, dtype=dtype).to(device).unbind())


@dataclass(frozen=True, repr=False)
class SamplerFitted(Sampler[tuple[Tensor, ...]]):
    """Multistep solver of given weights, such as ``fit_weights`` finds; on the levels that they are for.

    Attributes:
        weights: of each step, that from place 0 of the grid to clean data first; those of the exponential rule where
            none are given.
        guidance: scale of the guidance that they are for.
    """

    weights: tuple[StepWeights, ...] = ()
    guidance: float = 1.0

    def __post_init__(self) -> None:
        """Refuse weights of another number of steps.

        Raises:
            SettingsError: as said.
        """
        super().__post_init__()
        if len(self.weights) not in (0, self.diffusion.num_timesteps):
            raise SettingsError(
                f"weights: those of {self.diffusion.num_timesteps} steps wanted, got {len(self.weights)}; "
                "give those that were fitted on these levels, or none"
            )

    @property
    def why_no_variance(self) -> str:
        """Its weights lead to where the flow ends, which is the right variance already."""
        return "whose weights were fitted to walks without noise"

    @cached_property
    def _weights(self) -> tuple[StepWeights, ...]:
        steps = self.diffusion.num_timesteps
        return self.weights or tuple(exponential_weights(self.diffusion, i, steps - i) for i in range(steps))

    def step(
        self, denoise: Denoiser, state: SampleStep[tuple[Tensor, ...]], i: int, noise: NoiseSource
    ) -> SampleStep[tuple[Tensor, ...]]:
        """Go down by the weights; where a walk began lower, so that they want more values than are known, by DDIM."""
        x, weights = state.sample, self._weights[i]
        at = self.diffusion.grid.transition(i, x)
        x_start = denoise(x, at.up).x_start
        values, wanted = (x_start, *(state.memory or ()))[:MOST_VALUES], len(weights.values)
        if len(values) < wanted:
            return SampleStep(at.ddim(x_start, x), x_start, values)
        return SampleStep(weights.walk(x, values[:wanted]), x_start, values)


def exponential_weights(process: GaussianDiffusion, i: int, known: int, order: int = 2) -> StepWeights:
    """Return the weights that a fit starts from: those of the exponential rule where ``known`` values are.

    Args:
        process: on the levels of the walk.
        i: place where the step starts; the step from 0 to clean data takes the x_0 that is found there.
        known: how many values of x_0 there are.
        order: how many of them count at the most.
    """
    finite = int(process.grid.levels.kappa[i : i + known].isfinite().sum())  # noise alone is infinitely far
    if i == 0 or not finite:
        at = process.grid.transitions
        return StepWeights(float(at.ddim_coef2[i]), (float(at.ddim_coef1[i]),))
    found = SamplerMultistep(process, rule=MultistepRule.EXPONENTIAL).weights(
        i, min(finite, order), torch.empty(0, dtype=torch.float64)
    )
    return StepWeights(float(found.keep), tuple(map(float, found.predict)))
