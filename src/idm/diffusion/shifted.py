"""A denoiser of what is left of data when a known mean is taken off, as one of the data."""

from dataclasses import dataclass, replace
from typing import final

from torch import Tensor

from idm.core.types import Images
from idm.diffusion.denoiser import Denoised, Denoiser
from idm.schedules import Level


@final
@dataclass(frozen=True)
class Shifted:
    """Finds x_0 = m + r where another denoiser finds residuals r.

    Noise is added alike: x_t - alpha m = alpha r + sigma eps is a noisy residual at the same level, of the same noise.

    Attributes:
        inner: the denoiser of residuals.
        mean: m, one for each sample.
    """

    inner: Denoiser
    mean: Tensor

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Find the residual, and add the mean; a variance is the same of both."""
        found = self.inner(x - (at.alpha * self.mean).to(x), at)
        mean = self.mean.to(found.x_start)
        return replace(found, x_start=found.x_start + mean, raw=found.raw + mean)

    def select(self, rows: Tensor, /) -> "Shifted":
        """Select from the inner denoiser and the means."""
        return Shifted(self.inner.select(rows), self.mean.index_select(0, rows.to(self.mean.device)))
