"""The variance of a reverse step that a head predicts from x_t, which is trained after the network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from idm.core.types import Images
from idm.diffusion.denoiser import Denoised
from idm.diffusion.variances.optimal import Optimal
from idm.schedules import Level

Head = Callable[[Tensor, Tensor], Tensor]
"""Given what was found [b, 2 c, *space] and times [b]: by how much to change logarithms of errors, [b, c, *space]."""

TIME_PER_LOG_KAPPA = 100.0
"""What the network sees as its time is the logarithm of kappa times this."""

LARGEST_LOG_KAPPA = 3.0
"""Log kappa beyond which the time grows no more: twenty times as much noise as signal tell nothing."""

LARGEST_CHANGE = 8.0
"""By how much the network may change the logarithm of an error, up or down."""


@final
@dataclass(frozen=True, eq=False)
class PredictedError(Optimal):
    """``Analytic``, with an error m(kappa; x_t) of every value of every sample in the place of a curve's average.

    m is E[(x_0 - x_start)^2 | x_t], the error of the very x_start that the mean is made of, clipped if that is. So it
    serves every rule that counts x_0. With x_0 = x_t / alpha - kappa eps the errors of x_0 and of eps are one:
    m = kappa^2 E[(eps - eps_hat)^2 | x_t]. Hence betatilde + c^2 m is the optimal variance of an imperfect mean of Bao
    et al. (2022, Estimating the Optimal Covariance with Imperfect Mean), NPR-DPM, and where the mean is exact that of
    SN-DPM, too.

    A head is shown x_start and eps_hat, which x_t is a sum of, and says by how much the logarithm of m differs from
    that of a curve: one that says 0 leaves ``Analytic``. It is called once for each call of the network.

    Attributes:
        network: the head.
    """

    network: Head

    def reads(self, found: Denoised, x: Images, at: Level) -> Tensor:
        """Return log m, of x's shape."""
        log_kappa = torch.log(at.kappa)
        shown = torch.cat([found.x_start, at.eps(x, found.x_start)], dim=1)
        time = TIME_PER_LOG_KAPPA * log_kappa.clamp(max=LARGEST_LOG_KAPPA)
        change = self.network(shown, time.flatten().expand(len(x)))
        return self.curve.log_error_within(log_kappa) + change.clamp(-LARGEST_CHANGE, LARGEST_CHANGE)

    def x_start_variance(self, head: Tensor | None, at: Level) -> Tensor:
        """Return m."""
        assert head is not None, "log m, which this variance reads"
        return torch.exp(head)
