"""DDNM (Wang, Yu & Zhang 2023): x_0 is corrected in the directions that are observed."""

from dataclasses import dataclass, replace
from typing import Annotated, final

from annotated_types import Ge
from torch import Tensor

from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.restoration.methods.base import changed
from idm.restoration.methods.observed import agree
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation, over
from idm.restoration.operators.base import LinearOperator
from idm.schedules import Grid, Level


@final
@dataclass(frozen=True)
class _Corrected:
    """x_0 + A^+ (o - A x_0); with noise of the observation A^+ is A^T (A A^T + s^2 / kappa^2 I)^-1.

    Attributes:
        inner: the denoiser.
        observation: of a linear operator.
    """

    inner: Denoiser
    observation: Observation

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Correct what the inner denoiser finds."""
        found, operator = self.inner(x, at), self.observation.operator
        assert isinstance(operator, LinearOperator)
        missing, noise = self.observation.residual(found.raw), self.observation.variance
        solved = operator.solve(missing, 1.0, noise / over(at.kappa, missing) ** 2 if noise > 0 else 0.0)
        return changed(found, found.raw + operator.adjoint(solved))

    def select(self, rows: Tensor, /) -> "_Corrected":
        """Select from both."""
        return replace(self, inner=self.inner.select(rows), observation=self.observation.select(rows))


@final
@dataclass(frozen=True)
class DDNM(Stepwise):
    """Each x_0 that is found is made to agree with the observation, in its range alone.

    Without noise the outcome agrees exactly: A x = o. With noise the correction is damped where kappa falls below it,
    by the share that x_0 would have of it, were its variance kappa^2.

    Attributes:
        jumps: how often each step is taken ("time travel").
    """

    jumps: Annotated[int, Ge(1)] = 1

    def num_rounds(self, grid: Grid, i: int, observation: Observation) -> int:
        """As the option says."""
        return self.jumps

    def guide(self, denoise: Denoiser, observation: Observation) -> Denoiser:
        """Correct x_0."""
        return _Corrected(denoise, observation)

    def finish(self, x: Images, observation: Observation) -> Images:
        """Correct once more, where values are known without noise: clipping may have changed what was observed."""
        return agree(x, observation)
