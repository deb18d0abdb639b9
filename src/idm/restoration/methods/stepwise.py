"""Methods that leave the walk, and the sampler, as they are: they change the denoiser, or samples after a step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from idm.core.rng import NoiseSource
from idm.core.types import Images
from idm.diffusion import Denoiser
from idm.restoration.methods.base import Method
from idm.restoration.observation import Observation
from idm.samplers import Sampler, SampleStep
from idm.schedules import Grid, Level


@final
@dataclass(frozen=True)
class Round:
    """Noise for another time through the same steps.

    Attributes:
        noise: where it comes from.
        number: of the round, from 0; the first one has the numbers of an ordinary walk.
    """

    noise: NoiseSource
    number: int

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Return standard normal numbers of this round."""
        return self.noise.normal(f"{purpose} again {self.number}" if self.number else purpose, step, shape, dtype)


@dataclass(frozen=True)
class Stepwise(Method):
    """Steps of any sampler, guided (``guide``), corrected (``project``), or taken again.

    Attributes:
        draws: whether ``project`` wants noise.
    """

    draws: ClassVar[bool] = False

    def num_rounds(self, grid: Grid, i: int, observation: Observation) -> int:
        """How often the step from place ``i`` > 0 is taken, with noise put back in between (RePaint's jumps)."""
        return 1

    def num_steps(self, sampler: Sampler, observation: Observation) -> int:
        """Count the steps, each time that one is taken; the last one is taken once."""
        grid = sampler.diffusion.grid
        return 1 + sum(self.num_rounds(grid, i, observation) for i in range(1, self.first_place(grid) + 1))

    def first_place(self, grid: Grid) -> int:
        """Return the place where walks start; the noisiest by default."""
        return grid.num_timesteps - 1

    def start(self, grid: Grid, observation: Observation, x: Images, noise: NoiseSource) -> Images:
        """Return samples at the first place: ``x``, noise of the noisiest level, or something else."""
        return x

    def guide(self, denoise: Denoiser, observation: Observation) -> Denoiser:
        """Return a denoiser that heeds the observation; the same one by default."""
        return denoise

    def project(self, x: Images, at: Level, observation: Observation, normal: Tensor | None) -> Images:
        """Change samples that a step has brought to a level; not by default.

        Args:
            x: the samples.
            at: the level, clean data after the last step.
            observation: what they are to heed.
            normal: standard normal numbers of the observation's shape; None where the method draws none.
        """
        return x

    def finish(self, x: Images, observation: Observation) -> Images:
        """Change clean data, after the last step and ``project``; not by default."""
        return x

    def step(
        self,
        sampler: Sampler,
        denoise: Denoiser,
        observation: Observation,
        state: SampleStep,
        i: int,
        noise: NoiseSource,
    ) -> SampleStep:
        """Take one step of the sampler from place ``i`` with the guided denoiser, and project.

        A sampler forgets what it remembers of samples that were changed: it would undo the change.
        """
        state = sampler.step(sampler.clipped(self.guide(denoise, observation)), state, i, noise)
        x, values = state.sample, observation.values
        normal = noise.normal("observed", i, values.shape[1:], values.dtype) if self.draws else None
        projected = self.project(x, sampler.diffusion.grid.level(i - 1, x), observation, normal)
        projected = projected if i > 0 else self.finish(projected, observation)
        return state if projected is x else SampleStep(projected, state.pred_xstart)

    def walk(
        self, sampler: Sampler, denoise: Denoiser, observation: Observation, x: Images, noise: NoiseSource
    ) -> Iterator[SampleStep]:
        """Go down, step by step; a step that is taken again counts."""
        grid = sampler.diffusion.grid
        state = SampleStep(self.start(grid, observation, x, noise))
        for i in range(self.first_place(grid), -1, -1):
            for number in range(self.num_rounds(grid, i, observation) if i > 0 else 1):
                drawn = Round(noise, number)
                if number > 0:
                    state = SampleStep(renoised(grid, state.sample, i, drawn), state.pred_xstart)
                state = self.step(sampler, denoise, observation, state, i, drawn)
                yield state


def renoised(grid: Grid, x: Images, i: int, noise: NoiseSource) -> Images:
    """Go back up to place ``i`` from the one below it: draw from q(x_up | x_down) (RePaint, algorithm 1)."""
    at = grid.transition(i, x)
    std = (0.5 * at.log_beta).exp()
    return at.up.alpha / at.down.alpha * x + std * noise.normal("back", i, x.shape[1:], x.dtype)
