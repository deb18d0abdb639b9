"""Paths from data to noise: which level each time stands for.

All in float64, on the host; time grows with the noise.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from torch import Tensor

from idm.schedules.level import Level
from idm.schedules.table import Float64


class Path(ABC):
    """How signal and noise change from data to noise.

    Attributes:
        span: length of the range of times: T of a chain, 1 of a flow.
    """

    span: float

    @abstractmethod
    def at(self, time: Float64) -> tuple[Float64, Float64]:
        """Return signal level alpha and noise level sigma at times [n]."""

    @abstractmethod
    def time_of(self, log_kappa: Float64) -> Float64:
        """Return the times [n] of noise-to-signal ratios, given their logarithms."""

    @abstractmethod
    def start(self, level: Level, noise: Tensor) -> Tensor:
        """Return where sampling starts at ``level``, from standard normal ``noise``."""


@final
@dataclass(frozen=True, eq=False)
class Chain(Path):
    """A variance-preserving path, alpha^2 + sigma^2 = 1, known at some times (Ho et al. 2020: 0, 1, ..., T - 1).

    Between them the logarithm of kappa is linear in time, or, where no signal is left at the upper one, alpha is.
    Beyond the ends the last level stands.

    Attributes:
        alphas_cumprod: abar = alpha^2 [n], strictly decreasing; the last one may be 0.
        times: where they are known [n], growing.
        span: T.
    """

    alphas_cumprod: Float64
    times: Float64
    span: float

    @cached_property
    def log_kappa(self) -> Float64:
        """log(sigma / alpha) at the known times where some signal is left [n or n - 1]."""
        abar = self.alphas_cumprod[self.alphas_cumprod > 0.0]
        return 0.5 * (np.log1p(-abar) - np.log(abar))

    def at(self, time: Float64) -> tuple[Float64, Float64]:
        """Look known times up; interpolate between them."""
        known = self.log_kappa.size
        places = np.clip(np.searchsorted(self.times, time), 0, self.times.size - 1)
        between = 1.0 / (1.0 + np.exp(2.0 * np.interp(time, self.times[:known], self.log_kappa)))
        if known < self.times.size:  # on the way to noise alone
            share = (self.times[-1] - time) / (self.times[-1] - self.times[-2])
            between = between * share.clip(0.0, 1.0) ** 2
        abar = np.where(self.times[places] == time, self.alphas_cumprod[places], between)
        return np.sqrt(abar), np.sqrt(1.0 - abar)

    def time_of(self, log_kappa: Float64) -> Float64:
        """Interpolate the times."""
        known = self.log_kappa.size
        times = np.interp(log_kappa, self.log_kappa, self.times[:known])
        if known == self.times.size:
            return times
        beyond = log_kappa > self.log_kappa[-1]  # there alpha = share alpha[-2], and alpha^2 = 1 / (1 + kappa^2)
        signal = 1.0 / (1.0 + np.exp(2.0 * np.where(beyond, log_kappa, self.log_kappa[-1])))
        share = np.sqrt(signal / self.alphas_cumprod[-2])
        return np.where(beyond, self.times[-1] - share * (self.times[-1] - self.times[-2]), times)

    def start(self, level: Level, noise: Tensor) -> Tensor:
        """Return the noise itself, as all chains of the field start."""
        return noise


@final
class Flow(Path):
    """The straight path of flow matching (Lipman et al. 2023; Liu et al. 2023): alpha = 1 - t, sigma = t."""

    span = 1.0

    def at(self, time: Float64) -> tuple[Float64, Float64]:
        """Return 1 - t and t."""
        return 1.0 - time, time

    def time_of(self, log_kappa: Float64) -> Float64:
        """T = kappa / (1 + kappa)."""
        return 1.0 / (1.0 + np.exp(-log_kappa))

    def start(self, level: Level, noise: Tensor) -> Tensor:
        """Return sigma noise."""
        return level.sigma * noise
