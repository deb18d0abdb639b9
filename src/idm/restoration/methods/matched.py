"""Guidance by the posterior of x_0: what PiGDM, covariance-matched guidance and twisted SMC share."""

from dataclasses import dataclass, replace
from typing import final

from torch import Tensor

from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.restoration.methods.base import changed
from idm.restoration.methods.covariances import Covariance
from idm.restoration.methods.linearised import Linearised
from idm.restoration.observation import Observation
from idm.restoration.operators.base import LinearOperator
from idm.schedules import Level


@dataclass(frozen=True)
class Look:
    """What is known of samples at a level.

    Attributes:
        found: what the denoiser finds.
        guided: the same, given the observation as well.
        log_likelihood: log p(o | x_t) [b], up to a constant that all x_t share.
    """

    found: Denoised
    guided: Denoised
    log_likelihood: Tensor

    def select(self, rows: Tensor) -> "Look":
        """Return what is known of some of the samples, by their numbers [n], repeated or not."""
        return Look(_select(self.found, rows), _select(self.guided, rows), self.log_likelihood[rows])


@final
@dataclass(frozen=True)
class MatchedGuidance:
    """E[x_0 | x_t, o], were x_0 given x_t Gaussian with mean x_0-hat and covariance C.

    x_0-hat + C A^T (A C A^T + s^2 I)^-1 (o - A x_0-hat), where C stands in front as kappa^2 J^T, a derivative, and in
    the inverse as the rule has it.

    Attributes:
        inner: the denoiser.
        observation: of a linear operator.
        covariance: what stands in the inverse.
        data_variance: of each value of the data; isotropic covariances follow from it.
    """

    inner: Denoiser
    observation: Observation
    covariance: Covariance
    data_variance: float

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Guide what the inner denoiser finds."""
        return self.look(x, at).guided

    def look(self, x: Images, at: Level) -> Look:
        """Guide, and weigh."""
        seen = Linearised(self.inner, x, at, self.data_variance)
        spread, operator = self.covariance.spread(seen, at, self.observation), self.observation.operator
        assert isinstance(operator, LinearOperator)
        x_start = seen.found.raw
        missing = self.observation.residual(x_start)
        guided = x_start + seen.covary(operator.adjoint(spread.solve(missing)))
        return Look(seen.found, changed(seen.found, guided), spread.log_density(missing))

    def select(self, rows: Tensor, /) -> "MatchedGuidance":
        """Select from both."""
        return replace(self, inner=self.inner.select(rows), observation=self.observation.select(rows))


def _select(found: Denoised, rows: Tensor) -> Denoised:
    parts = (found.x_start, found.raw, found.head, found.variance, found.mean)
    x_start, raw, *rest = (None if part is None else part[rows] for part in parts)
    assert x_start is not None
    assert raw is not None
    return Denoised(x_start, raw, *rest)
