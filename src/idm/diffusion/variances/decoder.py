"""A variance of its own for the last step, the decoder p(x_0 | x_1)."""

from dataclasses import dataclass

from torch import Tensor

from idm.diffusion.variances.base import ReverseVariance
from idm.schedules import Coefficients


@dataclass(frozen=True)
class WithDecoderVariance(ReverseVariance):
    """Another variance, with the one of step 0 replaced.

    Step 0 has no posterior to match: its best variance is the mean squared error of the predicted x_0, which
    no schedule knows. It is worth up to 0.7 bits/dim on coarse data, and leaves samples as they are, because
    the last step adds no noise.

    Attributes:
        inner: the variance of every other step.
        decoder_log_variance: log-variance of p(x_0 | x_1), the same for every element.
    """

    inner: ReverseVariance
    decoder_log_variance: float

    @property
    def heads(self) -> int:
        """As many as the inner variance reads."""
        return self.inner.heads

    def log_variance(self, head: Tensor | None, at: Coefficients) -> Tensor:
        """Return the inner log-variance, replaced at step 0."""
        inner = self.inner.log_variance(head, at)
        return inner + at.is_first * (self.decoder_log_variance - inner)

    def head(self, log_variance: Tensor, at: Coefficients) -> Tensor | None:
        """Return the inner variance's head."""
        return self.inner.head(log_variance, at)

    def without_decoder_variance(self) -> ReverseVariance:
        """Return the inner variance."""
        return self.inner
