"""A noise level, and a pair of them.

Notation: q(x | x_0) = N(alpha x_0, sigma^2 I) at a level; kappa = sigma / alpha is its noise-to-signal ratio. A
``Transition`` goes from a noisier level (``up``) to a cleaner one (``down``), which may be clean data (sigma = 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


def derived(formula: Callable[[Any], Tensor]) -> cached_property[Tensor]:
    """Make a quantity that is computed when it is first wanted: levels are kept and looked up again.

    A grid fills in those that would lose digits in float32, computed in float64.
    """

    def compute(self: object) -> Tensor:
        with torch.inference_mode(False):  # or gradients could never flow past it
            return formula(self)

    compute.__doc__ = formula.__doc__
    return cached_property(compute)


@dataclass(frozen=True, eq=False)
class Level:
    """How much of the data there is, and how much noise: q(x | x_0) = N(alpha x_0, sigma^2 I).

    Attributes:
        alpha: signal level; of no axes, or one number per sample, shaped to broadcast over the data.
        sigma: noise level, likewise.
        time: where it lies on its path, likewise; int64 where all times of its grid are whole.
    """

    alpha: Tensor
    sigma: Tensor
    time: Tensor

    @derived
    def kappa(self) -> Tensor:
        """Noise-to-signal ratio sigma / alpha; infinite where no signal is left."""
        return self.sigma / self.alpha

    @derived
    def gain(self) -> Tensor:
        """1 / alpha."""
        return 1.0 / self.alpha

    @derived
    def log_snr(self) -> Tensor:
        """Logarithm of the signal-to-noise ratio alpha^2 / sigma^2."""
        return 2.0 * (torch.log(self.alpha) - torch.log(self.sigma))

    @derived
    def alpha_by_power(self) -> Tensor:
        """Alpha / (alpha^2 + sigma^2); alpha itself on a variance-preserving path."""
        return self.alpha / (self.alpha**2 + self.sigma**2)

    @derived
    def sigma_by_power(self) -> Tensor:
        """Sigma / (alpha^2 + sigma^2); sigma itself on a variance-preserving path."""
        return self.sigma / (self.alpha**2 + self.sigma**2)

    @derived
    def log_variance(self) -> Tensor:
        """Logarithm of sigma^2."""
        return 2.0 * torch.log(self.sigma)

    @cached_property
    def network_times(self) -> dict[tuple[bool, float, int], Tensor]:
        """What networks have been told of a level of no axes, by whether and how times are scaled, and the batch."""
        return {}

    def diffuse(self, x_start: Tensor, noise: Tensor) -> Tensor:
        """X = alpha x_0 + sigma noise."""
        return torch.addcmul(self.alpha * x_start, self.sigma, noise)

    def x_start(self, x: Tensor, eps: Tensor) -> Tensor:
        """Return the x_0 for which ``x`` holds the noise ``eps``: x / alpha - kappa eps."""
        return torch.addcmul(self.gain * x, self.kappa, eps, value=-1)

    def eps(self, x: Tensor, x_start: Tensor) -> Tensor:
        """Return the noise that ``x`` holds if its x_0 is ``x_start``: (x - alpha x_0) / sigma."""
        return torch.addcmul(x, self.alpha, x_start, value=-1) / self.sigma

    def map(self, change: Callable[[Tensor], Tensor]) -> "Level":
        """Return the level with its tensors changed: moved, cast or shaped."""
        return Level(change(self.alpha), change(self.sigma), change(self.time))


@dataclass(frozen=True, eq=False)
class Transition:
    """From a noisier level to a cleaner one, neighbours on a grid or not.

    What rounding would spoil is computed in float64 where the transition is made (``between``) and kept.

    Attributes:
        up: the noisier level, where a reverse step starts.
        down: the cleaner one; sigma is 0 where it is clean data.
        log_beta: logarithm of beta = sigma_up^2 - (alpha_up / alpha_down)^2 sigma_down^2, the variance of
            q(x_up | x_down) (Ho et al. 2020, section 2).
        log_posterior_variance: logarithm of the variance of q(x_down | x_up, x_0) (Ho et al. 2020, eq. 7); where down
            is clean that variance is 0, and another is put in its place: that of the transition above it on a grid
            (improved DDPM), or beta where there is none.
        posterior_mean_coef1: weight of x_0 in the mean of q(x_down | x_up, x_0); 1 where down is clean.
        posterior_mean_coef2: weight of x_up in it; 0 where down is clean.
        half_log_variance_range: half of log_beta - log_posterior_variance.
        ddim_coef1: weight of x_0 in a step without noise (Song, Meng & Ermon 2021, eq. 12 with sigma_t = 0).
        ddim_coef2: weight of x_up in it.
    """

    up: Level
    down: Level
    log_beta: Tensor
    log_posterior_variance: Tensor
    posterior_mean_coef1: Tensor
    posterior_mean_coef2: Tensor
    half_log_variance_range: Tensor
    ddim_coef1: Tensor
    ddim_coef2: Tensor

    @classmethod
    def between(cls, up: Level, down: Level, new_noise: Tensor | None = None) -> "Transition":
        """Make the transition between two levels, best given in float64.

        Args:
            up: the noisier level.
            down: the cleaner one.
            new_noise: share of up's noise variance that down does not hold, 1 - (kappa_down / kappa_up)^2, where it is
                known more exactly than it could be computed here, from levels that lie close together.
        """
        ratio = up.alpha * down.sigma / (down.alpha * up.sigma)  # of kappas; 0 where up holds no signal
        if new_noise is None:
            new_noise = (1.0 - ratio) * (1.0 + ratio)
        log_beta = up.log_variance + torch.log(new_noise)
        log_posterior = torch.where(down.sigma == 0, log_beta, down.log_variance + torch.log(new_noise))
        return cls(
            up,
            down,
            log_beta,
            log_posterior,
            posterior_mean_coef1=down.alpha * new_noise,
            posterior_mean_coef2=ratio * down.sigma / up.sigma,
            half_log_variance_range=0.5 * (log_beta - log_posterior),
            ddim_coef1=down.alpha * new_noise / (1.0 + ratio),  # alpha_down (1 - ratio), without its rounding
            ddim_coef2=down.sigma / up.sigma,
        )

    @derived
    def is_last(self) -> Tensor:
        """1 where down is clean data, else 0."""
        return (self.down.sigma == 0).to(self.down.sigma.dtype)

    @cached_property
    def may_be_last(self) -> bool:
        """Whether down may be clean data; where only another device than the CPU knows, the host does not wait."""
        return self.down.sigma.device.type != "cpu" or bool((self.down.sigma == 0).any())

    @derived
    def posterior_variance(self) -> Tensor:
        """Variance of q(x_down | x_up, x_0) (Ho et al. 2020, eq. 7); 0 where down is clean."""
        return self.posterior_mean_coef1 * self.down.sigma**2 / self.down.alpha

    @derived
    def posterior_std(self) -> Tensor:
        """Standard deviation whose logarithm is half of ``log_posterior_variance``."""
        return torch.exp(0.5 * self.log_posterior_variance)

    @derived
    def half_log_std_range(self) -> Tensor:
        """Half of ``half_log_variance_range``, by which the logarithm of the standard deviation may go up or down."""
        return 0.5 * self.half_log_variance_range

    @derived
    def mid_log_std(self) -> Tensor:
        """Logarithm of the standard deviation half-way between the posterior's and that of beta."""
        return 0.5 * (self.half_log_variance_range + self.log_posterior_variance)

    @derived
    def fixed_large_std(self) -> Tensor:
        """Standard deviation whose logarithm is half of ``fixed_large_log_variance``."""
        return torch.exp(0.5 * self.fixed_large_log_variance)

    @derived
    def fixed_large_log_variance(self) -> Tensor:
        """Logarithm of beta; where down is clean ``log_posterior_variance``, a better decoder."""
        return torch.where(self.down.sigma == 0, self.log_posterior_variance, self.log_beta)

    @derived
    def h(self) -> Tensor:
        """Length of the step: half of what the logarithm of the signal-to-noise ratio gains."""
        return 0.5 * (self.down.log_snr - self.up.log_snr)

    def posterior_mean(self, x_start: Tensor, x: Tensor) -> Tensor:
        """Mean of q(x_down | x_up, x_0) (Ho et al. 2020, eq. 7)."""
        return torch.addcmul(self.posterior_mean_coef1 * x_start, self.posterior_mean_coef2, x)

    def ddim(self, x_start: Tensor, x: Tensor) -> Tensor:
        """Go down without noise: what holds x_0 and the eps of x_up at the level down.

        alpha_down x_0 + sigma_down eps with eps = (x - alpha_up x_0) / sigma_up (Song, Meng & Ermon 2021, eq. 12).
        """
        return torch.addcmul(self.ddim_coef1 * x_start, self.ddim_coef2, x)

    def x_start(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return the x_0 for which ``mean`` is the posterior mean: (mean - coef2 x) / coef1."""
        return torch.addcmul(mean, self.posterior_mean_coef2, x, value=-1) / self.posterior_mean_coef1
