"""Diagonal Gaussians: KL divergence and the likelihood of quantised data.

Everything here is in nats per element; callers average and convert. The exact discretised likelihood is the
mass that N(mean, std^2) puts on the bin of each level, computed in float64 from log CDFs, so that it neither
underflows nor saturates in the tails. The reference's tanh approximation is kept for number parity only.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError

LOG_2PI = math.log(2.0 * math.pi)


def normal_kl(mean1: Tensor | float, logvar1: Tensor | float, mean2: Tensor | float, logvar2: Tensor | float) -> Tensor:
    """KL(N(mean1, exp(logvar1)) || N(mean2, exp(logvar2))) per element, in nats.

    Arguments broadcast; at least one must be a tensor.
    """
    like = next((a for a in (mean1, logvar1, mean2, logvar2) if isinstance(a, Tensor)), None)
    if like is None:
        raise SettingsError("normal_kl needs at least one tensor among its four arguments, got only numbers")
    lv1, lv2 = (torch.as_tensor(a, dtype=like.dtype, device=like.device) for a in (logvar1, logvar2))
    return 0.5 * (lv2 - lv1 - 1.0 + torch.exp(lv1 - lv2) + (mean1 - mean2) ** 2 * torch.exp(-lv2))


@dataclass(frozen=True)
class Gaussian:
    """A diagonal Gaussian, stored by mean and log-variance of one shape."""

    mean: Float[Tensor, "*shape"]
    log_variance: Float[Tensor, "*shape"]

    @property
    def variance(self) -> Tensor:
        """exp(log_variance)."""
        return torch.exp(self.log_variance)

    @property
    def std(self) -> Tensor:
        """Standard deviation."""
        return torch.exp(0.5 * self.log_variance)

    def kl(self, other: "Gaussian") -> Tensor:
        """KL(self || other) per element, in nats."""
        return normal_kl(self.mean, self.log_variance, other.mean, other.log_variance)

    def log_density(self, x: Tensor) -> Tensor:
        """Log density at ``x`` per element, in nats (for continuous data; it may be positive)."""
        return -0.5 * (LOG_2PI + self.log_variance + (x - self.mean) ** 2 * torch.exp(-self.log_variance))

    def discretized_log_likelihood(self, x: Tensor, *, levels: int = 256) -> Tensor:
        """Exact log-probability of the level of ``x`` per element, in nats.

        Args:
            x: data on the grid -1 + 2k / (levels - 1); values off the grid count as their nearest level.
            levels: number of levels, at least 2. The outermost bins reach to infinity, so the
                probabilities of all levels sum to one (Ho et al. 2020, eq. 13, for 256 levels).
        """
        return discretized_gaussian_log_likelihood(
            x, means=self.mean, log_scales=0.5 * self.log_variance, levels=levels
        )


def _wide(x: Tensor) -> Tensor:
    """Float64 where the device has it (Apple's MPS has not)."""
    return x if x.device.type == "mps" else x.double()


def _log_mass(lower: Tensor, upper: Tensor) -> Tensor:
    """log(Phi(upper) - Phi(lower)) for finite lower < upper, without cancellation in either tail."""
    flip = lower + upper > 0
    a = torch.where(flip, -upper, lower)
    b = torch.where(flip, -lower, upper)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    gap = log_a - log_b
    near = gap > -math.log(2.0)
    log1m = torch.where(
        near,
        torch.log(-torch.expm1(torch.where(near, gap, -1.0))),
        torch.log1p(-torch.exp(torch.where(near, -1.0, gap))),
    )
    return log_b + log1m


def discretized_gaussian_log_likelihood(
    x: Tensor, *, means: Tensor, log_scales: Tensor, levels: int = 256, reference_cdf: bool = False
) -> Tensor:
    """Log-probability of quantised data under a discretised Gaussian, per element, in nats.

    Args:
        x: data in [-1, 1], on the grid of ``levels`` equally spaced values.
        means: means, of x's shape.
        log_scales: logarithms of the standard deviations, of x's shape.
        levels: number of levels (256 for 8-bit data).
        reference_cdf: use improved-diffusion's tanh approximation of the normal CDF and its clamp at 1e-12
            instead of the exact value. For number parity; it misstates tails by up to 2 bits and
            saturates at 39.86 bits.

    Raises:
        SettingsError: fewer than two levels.
    """
    if levels < 2:
        raise SettingsError(f"levels: at least 2 wanted for a discretised likelihood, got {levels}")
    if reference_cdf:
        return _reference_log_likelihood(x, means, log_scales, levels)
    grid = _wide(x)
    level = torch.round((grid + 1.0) * (0.5 * (levels - 1))).clamp(0, levels - 1)
    mean, inv_std = _wide(means), torch.exp(-_wide(log_scales))
    # Both edges come from the level's number, so that neighbouring bins share their edge bit for bit.
    lower = ((2.0 * level - 1.0) / (levels - 1) - 1.0 - mean) * inv_std
    upper = ((2.0 * level + 1.0) / (levels - 1) - 1.0 - mean) * inv_std
    lowest, highest = level <= 0, level >= levels - 1
    inner = _log_mass(lower, upper)
    log_prob = torch.where(
        lowest, torch.special.log_ndtr(upper), torch.where(highest, torch.special.log_ndtr(-lower), inner)
    )
    return log_prob.to(x.dtype)


def _reference_log_likelihood(x: Tensor, means: Tensor, log_scales: Tensor, levels: int) -> Tensor:
    """improved-diffusion's tanh form (losses.py), in the dtype of ``x``."""

    def cdf(z: Tensor) -> Tensor:
        return 0.5 * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))

    half = 1.0 / (levels - 1)
    centered, inv_std = x - means, torch.exp(-log_scales)
    cdf_upper, cdf_lower = cdf(inv_std * (centered + half)), cdf(inv_std * (centered - half))
    edge = 1.0 - 0.255 * half  # 0.999 for 256 levels
    return torch.where(
        x < -edge,
        torch.log(cdf_upper.clamp(min=1e-12)),
        torch.where(
            x > edge,
            torch.log((1.0 - cdf_lower).clamp(min=1e-12)),
            torch.log((cdf_upper - cdf_lower).clamp(min=1e-12)),
        ),
    )
