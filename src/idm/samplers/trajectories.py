"""Walks in many steps, recorded: what planners of levels and fits of solvers learn from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.core.tensors import require_finite
from idm.core.types import Images
from idm.diffusion import Denoiser
from idm.samplers.base import Sampler, SampleStep
from idm.schedules import Grid, cheapest_walk
from idm.schedules.table import Float64

POWER = 1.1
"""Exponent of the distances that a step is off by, before they are averaged: larger ones heed the worst walks more."""


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Walks of the probability flow on a fine grid, on the CPU.

    Attributes:
        grid: the levels.
        states: clean data, then the state at every place of the grid [T + 1, n, c, *space].
        x_starts: the x_0 that was found at every place [T, n, c, *space].
    """

    grid: Grid
    states: Tensor
    x_starts: Tensor

    def at(self, place: int) -> Tensor:
        """States at a place [n, c, *space]; -1 is clean data."""
        return self.states[place + 1]

    def select(self, rows: Tensor) -> "Trajectories":
        """Return some of the walks, by their numbers [n]."""
        return Trajectories(self.grid, self.states[:, rows], self.x_starts[:, rows])


def record(
    sampler: Sampler, denoise: Denoiser, noise: Images, *, batch_size: int = 256, listener: Listener = SILENT
) -> Trajectories:
    """Walk down from ``noise`` and keep every state.

    Args:
        sampler: one without noise of its own, on a fine grid.
        denoise: finds x_0; it is clipped as the sampler's options say.
        noise: x_T.
        batch_size: samples per call of the network.
        listener: hears how it gets on.

    Raises:
        NumericalError: what the network returns is not finite.
    """
    steps, shape = sampler.diffusion.num_timesteps, noise.shape
    states, x_starts = noise.new_empty(steps + 1, *shape, device="cpu"), noise.new_empty(steps, *shape, device="cpu")
    states[steps] = noise
    with listener.follow("recording", len(noise), unit="trajectories", parts=steps) as bar:
        for rows in torch.arange(len(noise)).split(batch_size):
            place = steps

            def keep(state: SampleStep, rows: Tensor = rows) -> None:
                nonlocal place
                place -= 1
                assert state.pred_xstart is not None
                states[place, rows], x_starts[place, rows] = state.sample.cpu(), state.pred_xstart.cpu()
                bar.advance(len(rows))

            sampler.draw(sampler.clipped(denoise.select(rows)), noise[rows], watch=keep)
    return Trajectories(sampler.diffusion.grid, require_finite(states, "trajectories"), x_starts)


def step_errors(recorded: Trajectories, power: float = POWER) -> Float64:
    """How far steps of DDIM between levels of the grid are off: the mean over walks of |x_fine - x_step|^power.

    A step starts from the recorded state with the x_0 that was found there, so that no call of a network is needed
    (Chen et al. 2024, eq. 12).

    Returns:
        Of a step from place i to place j - 1 [T, T + 1], j = 0 being clean data; 0 where j > i.
    """
    levels, one = recorded.grid.levels, torch.ones(1, dtype=torch.float64)
    keep = torch.cat([0.0 * one, levels.sigma]) / levels.sigma[:, None]
    weight = torch.cat([one, levels.alpha]) - levels.alpha[:, None] * keep
    total = torch.zeros_like(keep)
    for walk in range(recorded.states.shape[1]):
        x, x_start = (part[:, walk].flatten(1).double() for part in (recorded.states, recorded.x_starts))
        # |x_j - keep x_i - weight x_0|^2 from inner products: T^2 vectors are never made.
        of_states, mixed, of_x_starts = x @ x.T, x_start @ x.T, x_start.square().sum(1)[:, None]
        own, at_own = of_states.diagonal()[1:, None], mixed.diagonal(offset=1)[:, None]
        off = of_states.diagonal() + keep**2 * own + weight**2 * of_x_starts
        off += 2.0 * (keep * weight * at_own - keep * of_states[1:] - weight * mixed)
        total += off.clamp(min=0.0) ** (0.5 * power)
    return np.tril((total / recorded.states.shape[1]).numpy())


def cheapest_places(recorded: Trajectories, count: int, power: float = POWER) -> list[int]:
    """Choose ``count`` levels of the grid, the noisiest one among them, whose steps of DDIM are off by least in sum.

    Returns:
        Their places, growing.

    Raises:
        SettingsError: fewer than one, or more than there are.
    """
    errors = step_errors(recorded, power)
    begin = np.append(np.full(len(errors) - 1, np.inf), 0.0)
    return cheapest_walk(errors[:, 0], errors[:, 1:].T, begin, count)
