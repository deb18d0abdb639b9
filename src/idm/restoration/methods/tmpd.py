"""Covariance-matched guidance (Boys, Girolami, Pidstrigach, Reich, Mosca & Akyildiz 2024: TMPD)."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from annotated_types import Gt

from idm.core.types import Images
from idm.diffusion import Denoiser
from idm.restoration.methods.base import Method
from idm.restoration.methods.covariances import CovarianceRule
from idm.restoration.methods.matched import MatchedGuidance
from idm.restoration.methods.observed import agree
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation


@final
@dataclass(frozen=True)
class TMPD(Stepwise):
    """x_0 + C A^T (A C A^T + s^2 I)^-1 (o - A x_0), with C = kappa^2 J, the denoiser's own covariance of x_0.

    Exact for Gaussian data of any covariance, if ``covariance`` is FULL, at the levels where C is a derivative: up to
    ``LARGEST_RATIO``.

    Attributes:
        covariance: what stands for A C A^T: its row sums (ROWS, as published), all of it (FULL), or none of it.
        data_deviation: standard deviation of the data, from which C follows where there is very much noise.
    """

    uses_gradients: ClassVar[bool] = True
    covariance: CovarianceRule = CovarianceRule.ROWS
    data_deviation: Annotated[float, Gt(0)] = 0.5

    def guide(self, denoise: Denoiser, observation: Observation) -> Denoiser:
        """Guide x_0."""
        return MatchedGuidance(denoise, observation, self.covariance.value, self.data_deviation**2)

    def finish(self, x: Images, observation: Observation) -> Images:
        """Make clean data agree with what was observed without noise: the last step comes near it, and no more."""
        return agree(x, observation)

    def for_data(self, deviation: float) -> Method:
        """Take the deviation for ``data_deviation``."""
        return replace(self, data_deviation=deviation)
