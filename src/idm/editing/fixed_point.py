"""DDIM down, and up the solution of the same equation by fixed-point iteration (Pan et al. 2023, AIDI).

A step of DDIM down takes x_{t+1} to x_t by the eps of x_{t+1}. To undo it is to solve for x_{t+1}; with y = x / alpha,
y_{t+1} = y_t + (kappa_{t+1} - kappa_t) eps(x_{t+1}), which is put into itself, from the step of DDIM up. A round makes
the error about (1 - kappa_t / kappa_{t+1}) |I - dx_0 / dy| times as large.
"""

from dataclasses import dataclass
from typing import Annotated, final

from annotated_types import Ge, Le

from idm.core.rng import NoiseSource
from idm.diffusion import Denoiser
from idm.editing.base import Inversion, States
from idm.editing.ddim import ddim_down, ddim_up


@final
@dataclass(frozen=True)
class FixedPointInversion(Inversion):
    """DDIM down and its inverse, as far as some rounds of iteration find it.

    Attributes:
        rounds: how many; each calls the network once a step.
    """

    rounds: Annotated[int, Ge(0), Le(100)] = 3

    @property
    def calls_per_step(self) -> int:
        """One for the step of DDIM, and one for each round."""
        return 1 + self.rounds

    def up(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """One level up, by the eps that is found there."""
        (x,), grid = states, self.diffusion.grid
        above = ddim_up(grid, denoise, x, place)
        here, there = grid.level(place, x), grid.level(place + 1, x)
        carried, length = there.alpha * here.gain * x, there.alpha * (there.kappa - here.kappa)
        for _ in range(self.rounds):
            above = carried + length * there.eps(above, denoise(above, there).x_start)
        return (above,)

    def down(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """One level down, as DDIM samples."""
        return (ddim_down(self.diffusion.grid, denoise, states[0], place),)
