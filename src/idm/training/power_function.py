"""Averages whose width grows with training, and any of them from two that were stored along the way.

Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", sections 3.1 to 3.2 and
appendix C. The profile of an average at time t is p(s) = (gamma + 1) s^gamma / t^(gamma + 1) for 0 <= s <= t.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idm.core.errors import SettingsError

WIDEST = 0.28
"""Just below the width of a uniform profile, gamma = 0: 1 / sqrt(12)."""

NARROWEST = 1e-6
"""A millionth of all steps; far below it the exponent has no number."""


def gamma_of(sigma_rel: float) -> float:
    """Return the exponent of the profile whose standard deviation is ``sigma_rel`` times the length of training.

    The largest root of gamma^3 + 7 gamma^2 + (16 - sigma^-2) gamma + (12 - sigma^-2).

    Raises:
        SettingsError: a width that is not from 1e-6 to 0.28.
    """
    if not NARROWEST <= sigma_rel <= WIDEST:
        raise SettingsError(f"sigma_rel: a width from {NARROWEST:g} to {WIDEST} wanted, got {sigma_rel}")
    inverse = sigma_rel**-2
    roots = np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse])
    return float(roots.real.max())


@dataclass(frozen=True)
class Average:
    """Which average a snapshot holds.

    Attributes:
        step: completed optimiser steps, its time.
        gamma: exponent of its profile.
    """

    step: int | float
    gamma: float


def inner_product(a: Average, b: Average) -> float:
    """Return the integral of the product of two profiles."""
    early, late = (a, b) if a.step <= b.step else (b, a)
    ratio = (early.step / late.step) ** late.gamma
    return (early.gamma + 1) * (late.gamma + 1) * ratio / ((early.gamma + late.gamma + 1) * late.step)


@dataclass(frozen=True)
class Combination:
    """The combination of snapshots that comes nearest to an average.

    Attributes:
        weights: one factor per snapshot; they add up to 1.
        error: distance of the profiles, relative to the wanted one's norm.
    """

    weights: tuple[float, ...]
    error: float


def combine(snapshots: Sequence[Average], wanted: Average) -> Combination:
    """Find the combination of snapshots that comes nearest to an average, by least squares over their profiles.

    Raises:
        SettingsError: no snapshots.
    """
    if not snapshots:
        raise SettingsError("averages: at least one snapshot wanted, got none")
    gram = np.array([[inner_product(a, b) for b in snapshots] for a in snapshots])
    against = np.array([inner_product(a, wanted) for a in snapshots])
    scale = 1.0 / np.sqrt(gram.diagonal())  # profiles of late snapshots are flat: without it small steps lose digits
    solved = np.linalg.lstsq(gram * scale[:, None] * scale, against * scale, rcond=1e-14)[0] * scale
    weights = solved / solved.sum()
    square = float(weights @ gram @ weights - 2 * weights @ against + inner_product(wanted, wanted))
    return Combination(tuple(weights.tolist()), math.sqrt(max(square, 0.0) / inner_product(wanted, wanted)))
