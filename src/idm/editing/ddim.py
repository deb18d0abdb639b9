"""DDIM up and down: the eps of the lower level stands in for that of the upper one (Song, Meng & Ermon 2021)."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from idm.core.rng import NoiseSource
from idm.diffusion import Denoiser
from idm.editing.base import CLEAN, Inversion, States, shown
from idm.schedules import Grid


def ddim_up(grid: Grid, denoise: Denoiser, x: Tensor, place: int) -> Tensor:
    """One level up, by the eps of the level below; clean data are shown to the network as the least noisy level."""
    at = grid.level(shown(place), x)
    x_start = denoise(x, at).x_start
    return grid.level(place + 1, x).diffuse(x if place == CLEAN else x_start, at.eps(x, x_start))


def ddim_down(grid: Grid, denoise: Denoiser, x: Tensor, place: int) -> Tensor:
    """One level down, by the eps of the level above."""
    at = grid.transition(place, x)
    return at.ddim(denoise(x, at.up).x_start, x)


@final
@dataclass(frozen=True)
class DDIMInversion(Inversion):
    """DDIM both ways. The round trip has an error of first order in the step; one call a step."""

    def up(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """One level up."""
        return (ddim_up(self.diffusion.grid, denoise, states[0], place),)

    def down(self, denoise: Denoiser, states: States, place: int, noise: NoiseSource) -> States:
        """One level down, as DDIM samples."""
        return (ddim_down(self.diffusion.grid, denoise, states[0], place),)
