"""ILVR (Choi et al. 2021): what an operator sees of every sample is replaced by what was observed."""

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from idm.core.types import Images
from idm.restoration.methods.observed import replace_observed
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation
from idm.schedules import Level


@final
@dataclass(frozen=True)
class ILVR(Stepwise):
    """x + phi(o_t) - phi(x) after each step, with phi = A^+ A and o_t the observation at the level of x.

    RePaint without jumps, for any linear operator: with ``downsample`` phi takes the means of blocks and repeats them.
    """

    draws: ClassVar[bool] = True

    def project(self, x: Images, at: Level, observation: Observation, normal: Tensor | None) -> Images:
        """Replace what the operator sees."""
        assert normal is not None
        return replace_observed(x, at, observation, normal)
