"""Which levels a short walk visits, by name: some of the steps of a chain, or levels between them."""

from functools import partial

import numpy as np

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.schedules.grid import Grid
from idm.schedules.spacing import SPACINGS, spaced
from idm.schedules.table import Float64

LARGEST_RATIO = 20.0
"""Noise-to-signal ratio at which a grid of ratios begins, where its path goes that far: noise drowns all data there."""

RHO = 7.0
"""Exponent of Karras et al. 2022, eq. 5: larger ones put more of the levels where there is little noise."""


def log_snr(grid: Grid, count: int) -> Grid:
    """``count`` levels, evenly in the logarithm of the signal-to-noise ratio."""
    return grid.of_ratios(np.exp(_evenly(np.log(_ends(grid)), count)))


def rho(grid: Grid, count: int) -> Grid:
    """``count`` levels, evenly in kappa^(1 / 7) (Karras et al. 2022, eq. 5)."""
    return grid.of_ratios(_evenly(_ends(grid) ** (1.0 / RHO), count) ** RHO)


def _steps(spacing: str, grid: Grid, count: int) -> Grid:
    return grid.respace(spaced(grid.num_timesteps, count, spacing))


GRIDS: Registry[Grid] = Registry(
    "spacing", {**{name: partial(_steps, name) for name in SPACINGS}, "log_snr": log_snr, "rho": rho}
)


def regrid(grid: Grid, count: int, name: str = "linspace") -> Grid:
    """Return a grid of ``count`` levels on the path of ``grid`` and between its ends.

    Args:
        grid: the levels that a network was trained on.
        count: how many, from 1; of those that choose among the levels of ``grid``, at most T.
        name: one of ``GRIDS``. Those of ratios lie between levels, so that the network is told a fractional time; they
            begin at a noise-to-signal ratio of at most 20.

    Raises:
        SettingsError: another count, or an unknown name.
    """
    choose = GRIDS[name]
    if count < 1:
        raise SettingsError(f"steps: at least 1 wanted, got {count}")
    return choose(grid, count)


def _ends(grid: Grid) -> Float64:
    """Smallest and largest noise-to-signal ratio."""
    kappa = grid.levels.kappa.numpy()[[0, -1]]
    return np.minimum(kappa, [kappa[0], max(kappa[0], LARGEST_RATIO)])


def _evenly(ends: Float64, count: int) -> Float64:
    """Both ends and what lies between; of a single number the noisy end."""
    return np.linspace(ends[1], ends[0], count)[::-1]
