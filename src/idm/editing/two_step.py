"""What ways share whose rule joins three places in a row: x above, the middle and x below.

The rule is linear in the outer two, so that each of them follows from the other and from what the network finds in the
middle: going up and going down are one equation, solved for one end or for the other. Nothing but rounding is lost.

A network knows data with the noise of its least noisy level at best. Where data vary by less than that (constant
pixels, grey levels, smooth signals), what it finds in clean ones is no noise, and codes come to lie nearer to 0 than
noise does. With ``noise_data`` the first place is the data with that noise, drawn once. The data travel beside it, so
that they come back all the same.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from idm.core.rng import NoiseSource
from idm.core.tensors import made_once
from idm.diffusion import Denoiser
from idm.editing.base import CLEAN, Inversion, States, shown
from idm.editing.ddim import ddim_down, ddim_up
from idm.schedules.table import held_in


@dataclass(frozen=True)
class Rule:
    """x_above = below x_below + middle x + x_start x_0 + eps eps, at the place of x.

    Attributes:
        below: weight of the sample below.
        middle: weight of the one in the middle.
        x_start: weight of the x_0 that is found in it.
        eps: weight of its eps.
    """

    below: Tensor
    middle: Tensor
    x_start: Tensor
    eps: Tensor


@dataclass(frozen=True)
class TwoStepInversion(Inversion):
    """Carries x_t and x_{t-1}; a single sample takes a step of DDIM first.

    Attributes:
        noise_data: clean data that come alone are given noise of their seed in place of that step.
    """

    num_states: ClassVar[int] = 2
    noise_data: bool = False

    @abstractmethod
    def numbers(self, middle: int) -> tuple[float, float, float, float]:
        """Return the weights of ``Rule`` around a place, which has neighbours above and below, the data or not."""

    def up(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """Solve for the sample above."""
        x, *below = states
        if not below and self.noise_data and place == CLEAN:
            return self.diffusion.grid.level(0, x).diffuse(x, noise.normal("data", 0, x.shape[1:], x.dtype)), x
        if not below:
            return ddim_up(self.diffusion.grid, denoise, x, place), x
        rule, change = self._found(denoise, x, place)
        return torch.addcmul(change, rule.below, below[0]), x

    def down(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """Solve for the sample below the one below."""
        x, *below = states
        middle = below[0] if below else ddim_down(self.diffusion.grid, denoise, x, place)
        if place == 0:
            return (middle,)
        rule, change = self._found(denoise, middle, place - 1)
        return middle, (x - change) / rule.below

    def _found(self, denoise: Denoiser, x: Tensor, place: int) -> tuple[Rule, Tensor]:
        """Return the rule around a place, and what it adds to the sample below."""
        at, rule = self.diffusion.grid.level(shown(place), x), self._rule(place, x)
        x_start = denoise(x, at).x_start
        change = torch.addcmul(rule.x_start * x_start, rule.eps, at.eps(x, x_start))
        return rule, torch.addcmul(change, rule.middle, x)

    def _rule(self, middle: int, x: Tensor) -> Rule:
        key = (middle, x.device, held_in(x))
        return made_once(self._known_rules, key, lambda: self._new_rule(middle, x))

    @cached_property
    def _known_rules(self) -> dict[tuple[int, torch.device, torch.dtype], Rule]:
        return {}

    def _new_rule(self, middle: int, x: Tensor) -> Rule:
        return Rule(*torch.tensor(self.numbers(middle), dtype=held_in(x)).to(x.device).unbind())

    def at(self, place: int) -> tuple[float, float]:
        """Alpha and sigma of a place; 1 and 0 of the data."""
        levels = self.diffusion.grid.levels
        return (1.0, 0.0) if place == CLEAN else (float(levels.alpha[place]), float(levels.sigma[place]))
