"""What a head that predicts errors learns.

Two ways to say it (Bao et al. 2022, Estimating the Optimal Covariance with Imperfect Mean in Diffusion Probabilistic
Models), of the same error m(kappa; x_t) of ``PredictedError``:

    npr    E[(eps - eps_hat)^2 | x_t] = m / kappa^2, the residual of the noise, whatever the mean is worth
    sn     E[eps^2 | x_t] - eps_hat^2 = m / kappa^2, from the square of the noise; the same where the mean is exact
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from idm.core.registry import Registry
from idm.diffusion import Denoised
from idm.schedules import Level


@dataclass(frozen=True, eq=False)
class Seen:
    """A batch at its noise levels, and what the large network found in it.

    Attributes:
        clean: x_0.
        noise: eps.
        x: x_t, which they make.
        found: what was found in it.
        at: the levels.
        least: errors much below this do not count.
    """

    clean: Tensor
    noise: Tensor
    x: Tensor
    found: Denoised
    at: Level
    least: float

    def cost(self, log_error: Tensor, c: float | Tensor) -> Tensor:
        """KL divergence of a step that raises the signal-to-noise ratio by 1 / c, nats per value.

        With the variance that m makes optimal it is 1/2 [log(1 + m / c) + (c + e) / (c + m) - 1], where e is the
        squared error of x_0. Its expectation is smallest where m is that of e, for every c: a proper score.
        """
        m, error = torch.exp(log_error), (self.clean - self.found.x_start) ** 2
        return 0.5 * (torch.log1p(m / c) + (c + error) / (c + m) - 1.0)


class HeadLoss(ABC):
    """What a head is trained to predict."""

    @abstractmethod
    def of(self, seen: Seen, log_error: Tensor) -> Tensor:
        """Loss of every value, whose expectation is smallest where ``log_error`` is log m."""


@final
@dataclass(frozen=True)
class Residual(HeadLoss):
    """NPR: the squared error of x_0, scored by what a step costs that is longer than all others.

    So relative errors of m count alike at all levels, that of the decoder too, down to where m is much less than
    ``least``. The paper's squared difference has the same minimum, but is ruled by the few largest errors.
    """

    def of(self, seen: Seen, log_error: Tensor) -> Tensor:
        """Cost of such a step."""
        return seen.cost(log_error, seen.least)


@final
@dataclass(frozen=True)
class SquaredNoise(HeadLoss):
    """SN: the squared noise, by the paper's squared difference; it may be less than eps_hat^2."""

    def of(self, seen: Seen, log_error: Tensor) -> Tensor:
        """(eps^2 - h)^2 with h = eps_hat^2 + m / kappa^2."""
        h = seen.at.eps(seen.x, seen.found.x_start) ** 2 + torch.exp(log_error) / seen.at.kappa**2
        return (seen.noise**2 - h) ** 2


HEADS: Registry[HeadLoss] = Registry("head", {"npr": Residual, "sn": SquaredNoise})
