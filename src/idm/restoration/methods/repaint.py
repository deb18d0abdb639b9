"""RePaint (Lugmayr et al. 2022): known values are put into every sample on the way."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from annotated_types import Ge
from torch import Tensor

from idm.core.types import Images
from idm.restoration.methods.observed import replace_observed
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation
from idm.restoration.operators.base import LinearOperator, Operator, Selection
from idm.schedules import Grid, Level


@final
@dataclass(frozen=True)
class RePaint(Stepwise):
    """After each step the values that are seen are replaced by noisy ones of the observation.

    What is unseen hears of them at the next step only, so that the two fit badly; going back up and down again lets
    them agree. Values observed without noise come out as they were.

    Attributes:
        jumps: how often each step is taken, as long as it puts values in.
    """

    takes: ClassVar[type[Operator]] = Selection
    draws: ClassVar[bool] = True
    jumps: Annotated[int, Ge(1)] = 10

    def num_rounds(self, grid: Grid, i: int, observation: Observation) -> int:
        """As the option says, but once where o is noisier than the level below: going up again would forget it.

        The largest singular value of A counts: where channels have scales of their own, the least noisy of them.
        """
        assert isinstance(observation.operator, LinearOperator)
        largest = float(observation.operator.spectrum.max()) ** 0.5
        return self.jumps if float(grid.levels.kappa[i - 1]) * largest >= observation.noise else 1

    def project(self, x: Images, at: Level, observation: Observation, normal: Tensor | None) -> Images:
        """Replace the values that are seen."""
        assert normal is not None
        return replace_observed(x, at, observation, normal)
