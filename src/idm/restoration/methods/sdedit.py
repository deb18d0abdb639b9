"""SDEdit (Meng et al. 2022): a rough picture, noised and denoised."""

from dataclasses import dataclass
from typing import Annotated, final

from annotated_types import Gt, Le

from idm.core.rng import NoiseSource
from idm.core.types import Images
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation
from idm.restoration.operators.base import LinearOperator
from idm.schedules import Grid


@final
@dataclass(frozen=True)
class SDEdit(Stepwise):
    """Start from alpha A^+ o + sigma eps at a level on the way, and walk down without looking at o again.

    What is coarser than that level's noise stays. A^+ o is the picture itself where all of it is observed.

    Attributes:
        strength: where to start, as a share of the steps, at least one of which is taken: little of it changes little,
            1 leaves nothing.
    """

    strength: Annotated[float, Gt(0), Le(1)] = 0.5

    def first_place(self, grid: Grid) -> int:
        """Return the place of the level that ``strength`` of the steps lie below."""
        return max(1, round(self.strength * grid.num_timesteps)) - 1

    def start(self, grid: Grid, observation: Observation, x: Images, noise: NoiseSource) -> Images:
        """Bring the rough picture to the level."""
        assert isinstance(observation.operator, LinearOperator)
        rough = observation.operator.pseudo_inverse(observation.values)
        eps = noise.normal("start", 0, x.shape[1:], x.dtype)
        return grid.level(self.first_place(grid), x).diffuse(rough, eps)
