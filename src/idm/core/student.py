"""Student's t distribution, for intervals and p-values of means of few values."""

import math

import numpy as np

LARGEST = 1e4
"""Largest t that is looked for."""

SMALLEST = 1e-15
"""Smallest share beyond a t: less is lost in rounding."""


def within(t: float, degrees: int) -> float:
    """Return how often |T| is below ``t`` for a whole number of degrees of freedom, from 1 on.

    A finite sum in the angle arctan(t / sqrt(degrees)) (Abramowitz & Stegun 1972, 26.7.3 and 26.7.4).
    """
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    # Each term is the one before times cos^2 and (2k - 1) / 2k, or, for odd degrees, 2k / (2k + 1).
    k = np.arange(1, (degrees - odd) // 2)
    ratios = cosine**2 * (2 * k - 1 + odd) / (2 * k + odd)
    total = float(np.cumprod(ratios).sum()) + 1.0
    if not odd:
        return sine * total
    return 2.0 / math.pi * (angle + (sine * cosine * total if degrees > 1 else 0.0))


def two_sided(t: float, degrees: int) -> float:
    """Return how often |T| is at least ``t``, to about 1e-15, which is also the least that is returned."""
    return max(SMALLEST, 1.0 - within(t, degrees))


def quantile(share: float, degrees: int) -> float:
    """Return the t below which |T| is in that share of cases, by bisection; 10,000 at the most."""
    low, high = 0.0, LARGEST
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if within(middle, degrees) < share else (low, middle)
    return high
