"""A variance for the last step, the decoder p(x_0 | x_1), that is read off an error curve."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.types import Images
from idm.diffusion.denoiser import Denoised
from idm.diffusion.variances.base import ReverseVariance
from idm.diffusion.variances.error_curve import ErrorCurve
from idm.schedules import Level, Transition


@dataclass(frozen=True)
class CalibratedDecoder(ReverseVariance):
    """Another variance, with that of steps to clean data replaced by the error curve.

    Such a step has no posterior to match: its best variance is the mean squared error of the predicted x_0 at the
    level where it starts, which no schedule knows. It is worth up to 0.7 bits/dim on coarse data, and leaves samples
    as they are, because the last step adds no noise. Levels beyond the ends of the curve keep the other variance.

    Attributes:
        inner: the variance of every other step.
        curve: mean squared error of the predicted x_0.
    """

    inner: ReverseVariance
    curve: ErrorCurve

    @classmethod
    def of(cls, variance: ReverseVariance, curve: ErrorCurve) -> "CalibratedDecoder":
        """Put a curve on a variance, in the place of one that it may have."""
        return cls(variance.inner if isinstance(variance, CalibratedDecoder) else variance, curve)

    @property
    def heads(self) -> int:
        """As many as the inner variance reads."""
        return self.inner.heads

    def reads(self, found: Denoised, x: Images, at: Level) -> Tensor | None:
        """Return what the inner variance reads."""
        return self.inner.reads(found, x, at)

    def log_variance(self, head: Tensor | None, at: Transition) -> Tensor:
        """Return the inner log-variance, replaced where the step ends at clean data."""
        inner = self.inner.log_variance(head, at)
        if not at.may_be_last:
            return inner
        fitted = self.curve.log_error(torch.log(at.up.kappa))
        return torch.where((at.is_last > 0) & ~fitted.isnan(), fitted.to(inner.dtype), inner)

    def std(self, head: Tensor | None, at: Transition) -> Tensor:
        """Return the inner standard deviation where the step ends at noisy data."""
        return super().std(head, at) if at.may_be_last else self.inner.std(head, at)

    def head(self, log_variance: Tensor, at: Transition) -> Tensor | None:
        """Return the inner variance's head."""
        return self.inner.head(log_variance, at)
