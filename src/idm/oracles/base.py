"""What every exact denoiser shares: from the moments of x_0 given x_t to the output of a network.

An oracle knows the distribution of the data, hence E[x_0 | x_t] and Var(x_0 | x_t) at every level. It answers
as a network of its ``GaussianDiffusion`` would that had learned all there is to learn: the first head in the
process's prediction type, the second, where the variance is learned, such that the reverse step has the best
variance there is. It takes network times, as networks do, and looks their step up in its process; its ``denoiser``
takes any level. Everything is computed in float64 and returned in the dtype of x.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import wide
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser, GaussianDiffusion, ModelKwargs, select
from idm.diffusion.process import TIME_SCALE
from idm.schedules import Level, Transition
from idm.schedules.table import StepOutsideError

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
    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Mean and variance of x_0 given x_t and the conditioning.

        Args:
            x_t: noisy data, float64.
            at: the level of x_t, or of each sample, float64, shaped to broadcast over x_t.
            conditioning: labels ``y`` [b], where the distribution has classes.

        Raises:
            SettingsError: data of another shape, or conditioning that the distribution does not have.
        """

    def __call__(self, x: Images, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Return the exact output at noisy data ``x`` and network times ``time`` [b].

        Raises:
            SettingsError: a time that is no step of the process.
        """
        x_t = wide(x)
        at = self._transition(time, x_t)
        scale = self.diffusion.prediction.input_scale(at.up)
        x_t = x_t if scale is None else x_t / scale  # what is shown is scaled
        given = self.x_start_moments(x_t, at.up, {name: value.to(x_t.device) for name, value in conditioning.items()})
        prediction = self.diffusion.prediction.target(given.mean, x_t, at.up.eps(x_t, given.mean), at.up)
        head = self.diffusion.variance.head(torch.log(_reverse_variance(given.variance, at)), at)
        return (prediction if head is None else torch.cat([prediction, head], dim=1)).to(x)

    def denoiser(self, conditioning: ModelKwargs | None = None) -> Denoiser:
        """Return what is known of x_0 at any level, on the process's grid or not."""
        return _OfLevels(self, conditioning or {})

    def _transition(self, time: Tensor, x: Tensor) -> Transition:
        """The step down from network times [b]."""
        process = self.diffusion
        on_path = time.to(x) * process.grid.path.span / TIME_SCALE if process.rescale_timesteps else time.to(x)
        try:
            return process.grid.transition(process.grid.places_of(on_path), x)
        except StepOutsideError as error:
            raise SettingsError(
                f"time: network {error}; build the oracle on the process it is used with, or take its denoiser"
            ) from error


@final
@dataclass(frozen=True)
class _OfLevels:
    """An oracle as a denoiser."""

    oracle: ExactDenoiser
    conditioning: ModelKwargs

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Return mean and variance of x_0 given x."""
        x_t = wide(x)
        given = self.oracle.x_start_moments(x_t, at.map(lambda values: values.to(x_t)), self.conditioning)
        mean = given.mean.to(x)
        return Denoised(mean, mean, variance=given.variance.to(x))

    def select(self, rows: Tensor, /) -> "_OfLevels":
        """Select from the conditioning."""
        return replace(self, conditioning=select(self.conditioning, rows))


def _reverse_variance(x_start_variance: Tensor, at: Transition) -> Tensor:
    """Variance of q(x_{t-1} | x_t) per element: posterior variance + coef1^2 Var(x_0 | x_t), by total variance.

    No Gaussian reverse step scores better (Bao et al. 2022, Analytic-DPM, theorem 1, per element). At step 0
    the posterior variance is 0 and coef1 is 1: what is left is Var(x_0 | x_1).
    """
    return (at.posterior_variance + at.posterior_mean_coef1**2 * x_start_variance).clamp(min=SMALLEST_VARIANCE)
