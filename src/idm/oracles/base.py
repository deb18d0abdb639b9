"""What every exact denoiser shares: from the moments of x_0 given x_t to the output of a network.

An oracle knows the distribution of the data, hence E[x_0 | x_t] and Var(x_0 | x_t) at every level. It answers
as a network of its ``GaussianDiffusion`` would that had learned all there is to learn: the first head in the
process's prediction type, the second, where the variance is learned, such that the reverse step has the best
variance there is. It takes network times, as networks do, and finds their step in its process. Everything is
computed in float64 and returned in the dtype of x.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.schedules import Coefficients

SMALLEST_VARIANCE = 1e-12
"""Floor of the variance of a reverse step; x_0 may be certain, its logarithm must stay finite."""


@dataclass(frozen=True)
class Moments:
    """Mean and variance of x_0 given x_t, per element, each of x_t's shape."""

    mean: Float[Tensor, "b c *space"]
    variance: Float[Tensor, "b c *space"]


class ExactDenoiser(ABC):
    """The best possible network for data of a known distribution.

    The meaning of a PREVIOUS_X output and of a variance head depends on the chain: give those oracles the very
    process that they are used with. Others may also be used with any respacing of their process.
    """

    def __init__(self, diffusion: GaussianDiffusion) -> None:
        """Answer in the terms of ``diffusion``: its levels, times, prediction type and variance."""
        self.diffusion = diffusion

    @abstractmethod
    def x_start_moments(self, x_t: Images, at: Coefficients, conditioning: Mapping[str, Tensor]) -> Moments:
        """Mean and variance of x_0 given x_t and the conditioning.

        Args:
            x_t: noisy data, float64.
            at: coefficients of the step of each sample, float64, shaped to broadcast over x_t.
            conditioning: labels ``y`` [b], where the distribution has classes.

        Raises:
            SettingsError: data of another shape, or conditioning that the distribution does not have.
        """

    def __call__(self, x: Images, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Return the exact output at noisy data ``x`` and network times ``time`` [b].

        Raises:
            SettingsError: a time that is no step of the process.
        """
        # Apple's MPS has no float64.
        x_t = x.to("cpu" if x.device.type == "mps" else x.device, torch.float64)
        at = self.diffusion.schedule.at(self._steps(time.to(x_t)), x_t)
        given = self.x_start_moments(x_t, at, {name: value.to(x_t.device) for name, value in conditioning.items()})
        noise = at.eps_from_x_start(x_t, given.mean)
        prediction = self.diffusion.prediction.target(given.mean, x_t, noise, at)
        log_variance = torch.log(_reverse_variance(given.variance, at))
        head = self.diffusion.variance.head(log_variance, at)
        return (prediction if head is None else torch.cat([prediction, head], dim=1)).to(x)

    def _steps(self, time: Tensor) -> Tensor:
        """Steps [b] whose network times are ``time``."""
        every_step = torch.arange(self.diffusion.num_timesteps)
        times = self.diffusion.network_time(every_step, time).to(time)
        steps = torch.bucketize(time.contiguous(), 0.5 * (times[1:] + times[:-1]))
        strange = ~torch.isclose(times[steps], time, rtol=1e-5, atol=1e-5)
        if bool(strange.any()):
            raise SettingsError(
                f"time: network times of the {times.numel()} steps of the oracle's process wanted (from "
                f"{float(times[0]):g} to {float(times[-1]):g}), got {float(time[strange][0]):g}; "
                "build the oracle on the process it is used with"
            )
        return steps


def _reverse_variance(x_start_variance: Tensor, at: Coefficients) -> Tensor:
    """Variance of q(x_{t-1} | x_t) per element: posterior variance + coef1^2 Var(x_0 | x_t), by total variance.

    No Gaussian reverse step scores better (Bao et al. 2022, Analytic-DPM, theorem 1, per element). At step 0
    the posterior variance is 0 and coef1 is 1: what is left is Var(x_0 | x_1).
    """
    posterior = torch.exp(at.posterior_log_variance_clipped) * (1.0 - at.is_first)
    return (posterior + at.posterior_mean_coef1**2 * x_start_variance).clamp(min=SMALLEST_VARIANCE)
