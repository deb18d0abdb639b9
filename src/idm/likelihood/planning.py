"""What the steps of a bound cost where their variances are optimal, known from an error curve alone.

The mean of the KL divergence of a step is 1/2 log(1 + (SNR_down - SNR_up) m(kappa_up)) per value, if its variance is
the analytic one. So the bound of every choice of levels is known without a call of the network, and the best choice of
a number of them is a shortest path.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np
import torch
from torch import Tensor

from idm.core.gaussian import Gaussian, normal_kl
from idm.diffusion import Decoder, ErrorCurve, ErrorCurves
from idm.diffusion.variances.interpolation import interpolated
from idm.likelihood.calibration import spread_places
from idm.schedules import Grid, cheapest_walk
from idm.schedules.table import Float64

MOST_GROUPS = 64
"""Most groups of values of like errors that steps are compared by; bounds are of all values."""

MOST_PLACES = 2000
"""Most levels of a longer grid that are chosen among: each step between two of them is compared."""

NUM_NODES, NUM_CURVE_POINTS = 100, 1000
"""Errors of x_0 over which the decoder's cost is averaged, and mean squares of them between which it is read off."""


@final
@dataclass(frozen=True, eq=False)
class BoundByCurve:
    """The bound that a denoiser of such errors has on any levels of a grid, in bits/dim.

    Attributes:
        grid: the levels to choose from.
        curve: mean squared error of the predicted x_0: of all values together or apart, as the variance will be.
        decoder: how the last step scores data.
        power: mean square of the data.
    """

    grid: Grid
    curve: ErrorCurve | ErrorCurves
    decoder: Decoder
    power: float

    def best_places(self, count: int) -> list[int]:
        """Return the places of the ``count`` levels of the smallest bound; the noisiest one is chosen, too.

        Of a grid of more than 2,000 levels they are some of at most 2,000, which lie evenly in the logarithm of kappa,
        the first and the last one among them: memory grows with the square of their number.

        Raises:
            SettingsError: no such count, or more than the levels that are chosen among.
        """
        places = self._candidates()
        errors = self._errors(_grouped(self._logs), places)
        walk = cheapest_walk(self._decoder(errors), self._steps(errors, self._snr[places]), self._prior[places], count)
        return [places[i] for i in walk]

    def _candidates(self) -> list[int]:
        """Return the places that are chosen among, growing."""
        number = self.grid.num_timesteps
        if number <= MOST_PLACES:
            return list(range(number))
        return sorted({*spread_places(self.grid, MOST_PLACES - 1), number - 1})  # kappa may be infinite at the last

    def of(self, places: list[int]) -> float:
        """Return the bound of a walk over some places, growing."""
        errors, snr = self._errors(self._logs, places), self._snr[places]
        steps = 0.5 * np.log2(1.0 + (snr[:-1] - snr[1:])[:, None] * errors[1:]).mean(1)
        return float(self._prior[places[-1]] + steps.sum() + self._decoder(errors[:1])[0])

    @cached_property
    def _snr(self) -> Float64:
        return self.grid.levels.kappa.numpy() ** -2.0

    @cached_property
    def _logs(self) -> Tensor:
        """Logarithms of the errors at the levels of the curve [k, n], of n values, or of all together."""
        _, logs = self.curve.table(torch.device("cpu"), torch.float64)
        return logs.view(len(logs), -1)

    def _errors(self, logs: Tensor, places: list[int]) -> Float64:
        """Errors at some places [p, n], from logarithms at the levels of the curve."""
        known, _ = self.curve.table(torch.device("cpu"), torch.float64)
        return torch.exp(interpolated(known, logs, torch.log(self.grid.levels.kappa[places])[:, None])).numpy()

    def _steps(self, errors: Float64, snr: Float64) -> Float64:
        """Cost [p, p] of the step down to a place (first axis) from a higher one (second axis)."""
        cost = np.full((len(errors), len(errors)), np.inf)
        for up in range(1, len(errors)):
            gain = snr[:up] - snr[up]
            cost[:up, up] = np.log1p(gain[:, None] * errors[up]).mean(1) * (0.5 / math.log(2.0))
        return cost

    def _decoder(self, errors: Float64) -> Float64:
        """Cost [p] of the last step from places, its error Gaussian, averaged over n values."""
        z, weight = np.polynomial.hermite_e.hermegauss(NUM_NODES)
        logs = np.linspace(np.log(errors.min()), np.log(errors.max()), NUM_CURVE_POINTS)
        x_start = torch.full((NUM_CURVE_POINTS, NUM_NODES), self.decoder.middle, dtype=torch.float64)
        error = np.exp(0.5 * logs)[:, None] * z
        reverse = Gaussian(x_start + torch.from_numpy(error), torch.from_numpy(logs)[:, None].expand_as(x_start))
        nats = -self.decoder.log_likelihood(x_start, reverse).numpy() @ (weight / weight.sum())
        return np.interp(np.log(errors), logs, nats / math.log(2.0)).mean(1)

    @cached_property
    def _prior(self) -> Float64:
        """Cost [T] of beginning at a place: KL of q(x_t | x_0) to what sampling starts from there."""
        at = self.grid.levels
        start = self.grid.path.start(at, torch.ones_like(at.sigma))
        kl = normal_kl(at.alpha * math.sqrt(self.power), 2.0 * torch.log(at.sigma), 0.0, 2.0 * torch.log(start))
        return kl.numpy() / math.log(2.0)


def _grouped(logs: Tensor) -> Tensor:
    """Average errors, given their logarithms [k, n], over groups of like ones, as near to equal sizes as can be."""
    number = logs.shape[1]
    if number <= MOST_GROUPS:
        return logs
    ranked = logs.exp().sort(dim=1).values
    ends = np.linspace(0, number, MOST_GROUPS + 1).round().astype(int).tolist()
    return torch.stack([ranked[:, a:b].mean(1) for a, b in pairwise(ends)], dim=1).log()
