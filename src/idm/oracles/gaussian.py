"""The exact denoiser of Gaussian data with independent elements."""

from collections.abc import Mapping
from typing import final

from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.schedules import Level


@final
class GaussianDenoiser(ExactDenoiser):
    """x_0 ~ N(mean, diag(variance)).

    With alpha = sqrt(abar), sigma^2 = 1 - abar and s^2 = ``variance``, conditioning a Gaussian gives
    E[x_0 | x_t] = mean + alpha s^2 / (alpha^2 s^2 + sigma^2) (x_t - alpha mean), the Wiener filter, and
    Var(x_0 | x_t) = s^2 sigma^2 / (alpha^2 s^2 + sigma^2).
    """

    def __init__(self, diffusion: GaussianDiffusion, mean: Tensor, variance: Tensor) -> None:
        """Describe the data.

        Args:
            diffusion: the process.
            mean: mean of each element, of a shape that broadcasts to one sample's [c, *space].
            variance: variance of each element, at least 0, likewise.

        Raises:
            SettingsError: a negative variance.
        """
        super().__init__(diffusion)
        if bool((variance < 0).any()):
            raise SettingsError(f"variance: numbers of at least 0 wanted, got {float(variance.min())}")
        self.mean, self.variance = mean.double(), variance.double()

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the Gaussian posterior; it has no classes and takes no conditioning."""
        if conditioning:
            raise SettingsError(f"conditioning: none wanted, Gaussian data have no classes, got {sorted(conditioning)}")
        mean, variance = self.mean.to(x_t.device), self.variance.to(x_t.device)
        centred = x_t - at.alpha * mean
        if centred.shape != x_t.shape:
            raise SettingsError(f"x: a shape that the mean's {tuple(mean.shape)} fits wanted, got {tuple(x_t.shape)}")
        share = variance / (at.alpha**2 * variance + at.sigma**2)
        left = at.sigma**2 * share
        return Moments(mean + at.alpha * share * centred, left.expand_as(x_t))
