"""PiGDM (Song, Vahdat, Mardani & Kautz 2023): guidance as if values of x_0 were independent."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from annotated_types import Gt

from idm.core.types import Images
from idm.diffusion import Denoiser
from idm.restoration.methods.base import Method
from idm.restoration.methods.covariances import Isotropic
from idm.restoration.methods.matched import MatchedGuidance
from idm.restoration.methods.observed import agree
from idm.restoration.methods.stepwise import Stepwise
from idm.restoration.observation import Observation


@final
@dataclass(frozen=True)
class PiGDM(Stepwise):
    """x_0 + kappa^2 J^T A^T (r^2 A A^T + s^2 I)^-1 (o - A x_0), with r^2 = kappa^2 s_d^2 / (kappa^2 + s_d^2).

    Exact for Gaussian data of variance s_d^2.

    Attributes:
        data_deviation: s_d, the standard deviation of the data in the model's range.
    """

    uses_gradients: ClassVar[bool] = True
    data_deviation: Annotated[float, Gt(0)] = 0.5

    def guide(self, denoise: Denoiser, observation: Observation) -> Denoiser:
        """Guide x_0."""
        return MatchedGuidance(denoise, observation, Isotropic(), self.data_deviation**2)

    def finish(self, x: Images, observation: Observation) -> Images:
        """Make clean data agree with what was observed without noise: the last step comes near it, and no more."""
        return agree(x, observation)

    def for_data(self, deviation: float) -> Method:
        """Take the deviation for ``data_deviation``."""
        return replace(self, data_deviation=deviation)
