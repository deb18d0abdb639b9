"""Solvers that are reversible by a second state: a McCallum-Foster pair around an exponential Heun step.

With Psi_h(z) what a step of length h adds to z, the pair (McCallum & Foster 2024)

    y' = c y + (1 - c) z + Psi_h(z),    z' = z - Psi_{-h}(y'),

is undone line by line, from the last one up, and has the order of the step. That integrates the line through the x_0
at both of its ends exactly against the exponential of the log SNR (Hochbruck & Ostermann 2010; Blasingame & Liu 2026).
States are float64, while the denoiser is asked in its own type: rounding, which the way back may amplify, then hardly
ever reaches what the denoiser sees.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Le
from torch import Tensor

from idm.core.rng import NoiseSource
from idm.core.tensors import made_once, widest
from idm.diffusion import Denoiser
from idm.editing.base import Inversion, States
from idm.samplers.exponential import moments
from idm.schedules.table import held_in


@dataclass(frozen=True)
class Way:
    """A step from one level to another in numbers.

    Attributes:
        start: place that the denoiser is shown where it starts.
        end: the same where it ends; None where that is not asked for.
        carry: factor by which a sample that nothing is added to changes.
        own: weight of the sample in what is added beyond that.
        x_start: weight of the x_0 that is found where it starts.
        change: weight of what x_0 has changed where that leads.
        noise: factor of the noise.
    """

    start: int
    end: int | None
    carry: Tensor
    own: Tensor
    x_start: Tensor
    change: Tensor
    noise: Tensor


@dataclass(frozen=True)
class ReversibleInversion(Inversion):
    """Carries y and z; a single sample is both.

    The step between the data and the least noisy place is one of DDIM: the data are infinitely far in the log SNR.

    Attributes:
        coupling: c; below 1 what y and z differ by is damped on the way down, and grows on the way up.
        asked_in: number format in which the denoiser is asked.
    """

    num_states: ClassVar[int] = 2
    coupling: Annotated[float, Gt(0), Le(1)] = 0.999
    asked_in: torch.dtype = torch.float32

    @property
    def calls_per_step(self) -> int:
        """Two for each of the two states."""
        return 4

    @property
    @abstractmethod
    def noise_share(self) -> float:
        """Tau: 0 is the flow, 1 the SDE whose steps ancestral sampling takes."""

    @abstractmethod
    def carried(self, keep: float) -> float:
        """Return ``carry`` of a step that by itself multiplies the sample by ``keep``."""

    def opened(self, states: States) -> States:
        """Take a single sample as both, in float64 where the device has it."""
        wide = widest(states[0].device)
        return states[0].to(wide), states[-1].to(wide)

    def down(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """One level down: the two lines as they are written above."""
        y, z = states
        forth, back, drawn = self._ways(place, y, noise)
        y = forth.carry * torch.lerp(z, y, self.coupling) + self._added(denoise, z, forth, drawn)
        return y, forth.carry * (z - self._added(denoise, y, back, drawn))

    def up(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """One level up: the same lines, the second one first, solved for what they start from."""
        y, z = states
        forth, back, drawn = self._ways(place + 1, y, noise)
        z = z / forth.carry + self._added(denoise, y, back, drawn)
        y = (y - self._added(denoise, z, forth, drawn)) / forth.carry
        return z + (y - z) / self.coupling, z

    def _added(self, denoise: Denoiser, x: Tensor, way: Way, drawn: Tensor | None) -> Tensor:
        """What a step adds to ``carry`` x: by the x_0 here, and by what it has changed where that leads."""
        x_start = self._x_start(denoise, x, way.start)
        added = torch.addcmul(way.own * x, way.x_start, x_start)
        if way.end is None:
            return added
        if drawn is not None:
            added = torch.addcmul(added, way.noise, drawn)
        there = torch.addcmul(added, way.carry, x)
        return torch.addcmul(added, way.change, self._x_start(denoise, there, way.end) - x_start)

    def _x_start(self, denoise: Denoiser, x: Tensor, place: int) -> Tensor:
        shown = x.to(self.asked_in)
        return denoise(shown, self.diffusion.grid.level(place, shown)).x_start.to(x)

    def _ways(self, place: int, x: Tensor, noise: NoiseSource) -> tuple[Way, Way, Tensor | None]:
        """Down from a place and back, and the noise of both."""
        forth, back = made_once(self._known_ways, (place, x.device, x.dtype), lambda: self._new_ways(place, x))
        is_random = self.noise_share > 0 and place > 0
        return forth, back, noise.normal("step", place, x.shape[1:], x.dtype) if is_random else None

    @cached_property
    def _known_ways(self) -> dict[tuple[int, torch.device, torch.dtype], tuple[Way, Way]]:
        return {}

    def _new_ways(self, place: int, x: Tensor) -> tuple[Way, Way]:
        levels = self.diffusion.grid.levels
        alpha, sigma = float(levels.alpha[place]), float(levels.sigma[place])
        if place == 0:  # DDIM: down to x_0, and up to alpha x + sigma eps = (1 + alpha) x - alpha x_0
            return _way(0, None, (1.0, -1.0, 1.0, 0.0, 0.0), x), _way(0, None, (1.0, alpha, -alpha, 0.0, 0.0), x)
        alpha_down, sigma_down = float(levels.alpha[place - 1]), float(levels.sigma[place - 1])
        h = math.log(alpha_down * sigma / (sigma_down * alpha))
        drift = self.noise_share**2 * h
        # Noise stretches h (Xue et al. 2023, eq. 8), and the sample is multiplied by exp(-drift) sigma_down / sigma.
        keep, noise = math.exp(-drift) * sigma_down / sigma, sigma_down * math.sqrt(-math.expm1(-2.0 * drift))
        carry = self.carried(keep)
        forth, back = (
            [scale * weight for weight in moments(length, 2)]
            for length, scale in ((h + drift, alpha_down), (-h - drift, alpha))
        )
        return (
            _way(place, place - 1, (carry, keep - carry, *forth, noise), x),
            _way(place - 1, place, (1.0 / carry, 1.0 / keep - 1.0 / carry, *back, -noise / keep), x),
        )


def _way(start: int, end: int | None, numbers: tuple[float, ...], x: Tensor) -> Way:
    return Way(start, end, *torch.tensor(numbers, dtype=held_in(x)).to(x.device).unbind())
