"""Weights of exponential integrators: how much each known value counts where a polynomial through them is integrated.

Between two levels the flow is x_down = sigma_down / sigma_up x + alpha_down int_0^1 h exp(-h (1 - s)) x_0(s) ds, with
lambda = -log kappa, h its change and s = (lambda - lambda_up) / h. A rule puts a polynomial through known values in the
place of x_0(s) and integrates it exactly (Hochbruck & Ostermann 2010, section 2; Lu et al. 2022; Zhao et al. 2023).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique

import numpy as np
import torch
from torch import Tensor

from idm.diffusion import Denoised
from idm.schedules import Level

SERIES_BELOW, SERIES_TERMS, MOST_MOMENTS = 1.0, 24, 5
"""Value of |h| below which a series sums the moments, as the recursion would lose digits; its terms; most moments."""

SERIES = np.array(
    [[math.factorial(n) / math.factorial(n + k + 1) for k in range(SERIES_TERMS)] for n in range(MOST_MOMENTS)]
)
"""What (-h)^k counts in h^-1 times the n-th moment; a rule of order 4 with a corrector takes five."""


def moments(h: float, number: int) -> list[float]:
    """H int_0^1 exp(-h (1 - s)) s^n ds for n in [0, number); h may be negative, or infinite.

    By parts the n-th is 1 - n / h times the one before; as a series it is h sum_k (-h)^k n! / (n + k + 1)!.
    """
    if abs(h) < SERIES_BELOW:
        return (h * (SERIES[:number] @ (-h) ** np.arange(SERIES_TERMS))).tolist()
    found = [-math.expm1(-h)]
    for n in range(1, number):
        found.append(1.0 - n / h * found[-1])
    return found


@dataclass(frozen=True)
class Integration:
    """What is interpolated between levels, and how its polynomial is integrated.

    Attributes:
        of_eps: interpolate eps instead of x_0; the flow of x / alpha then has h of the other sign.
        trapezoid: a straight line counts with its middle, instead of its exact integral.
        halves_curvature: the second-order term of three past values counts half.
    """

    of_eps: bool = False
    trapezoid: bool = False
    halves_curvature: bool = False

    def read(self, found: Denoised, x: Tensor, at: Level) -> Tensor:
        """Return the value to interpolate, of what was found in ``x``."""
        return at.eps(x, found.x_start) if self.of_eps else found.x_start

    def weights(self, h: float, nodes: Sequence[float]) -> list[float]:
        """Weights of the values at ``nodes`` (in s: 0 is the level up, 1 the level down), whose sum is 1 - exp(-h)."""
        wanted = moments(h, len(nodes))
        if self.trapezoid and len(nodes) == 2:
            wanted[1] = 0.5 * wanted[0]
        if self.halves_curvature and len(nodes) == 3 and 1.0 not in nodes:
            wanted[2] *= 0.5
        powers = np.vander(np.asarray(nodes, dtype=np.float64), increasing=True).T
        return np.linalg.solve(powers, np.asarray(wanted)).tolist()


def weighted_sum(base: Tensor, weights: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
    """Add values, each with a weight without axes, to ``base``."""
    for weight, value in zip(weights, values, strict=True):
        base = torch.addcmul(base, weight, value)
    return base


@unique
class MultistepRule(Enum):
    """Names of what is interpolated, and how it is integrated.

    UNIPC: x_0, two values as a trapezoid, more exactly (Zhao et al. 2023, with B(h) = exp(h) - 1). DPMPP: the same, but
    three past values as DPM-Solver++(3M) has been published in code, where half of the second-order term is missing,
    so that its order is 2. EXPONENTIAL: x_0, always exactly. DEIS: eps, always exactly (Zhang & Chen 2023, tAB in
    log kappa).
    """

    UNIPC = Integration(trapezoid=True)
    DPMPP = Integration(trapezoid=True, halves_curvature=True)
    EXPONENTIAL = Integration()
    DEIS = Integration(of_eps=True)
