"""How far a denoiser is from x_0 at every noise level: the one curve that optimal variances follow from.

m(kappa) = E ||x_0 - x_start(x_t)||^2 / d, over the data and their noise at the noise-to-signal ratio kappa. For exact
denoisers it grows with kappa, and estimates are made to.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import made_once
from idm.core.text import counted
from idm.diffusion.variances.interpolation import interpolated
from idm.schedules.table import held_in

LEAST_ERROR = 1e-12
"""Mean squared error that is taken for 0, whose logarithm would be infinite."""

SAME_LOG_KAPPA = 1e-4
"""How far beyond the ends of a curve a level may lie, in the logarithm of kappa: float32 keeps no more."""


@dataclass(frozen=True)
class ErrorCurve:
    """Mean squared error of the predicted x_0, over the noise level.

    Attributes:
        log_kappa: logarithms of noise-to-signal ratios, growing.
        mean_squared_error: the error there, per element, in the data's units squared; never falling.
        standard_error: of each, likewise; None where it is not known.

    Raises:
        SettingsError: lists that are empty, of different lengths, out of order or not finite.
    """

    log_kappa: tuple[float, ...]
    mean_squared_error: tuple[float, ...]
    standard_error: tuple[float | None, ...]

    def __post_init__(self) -> None:
        """Refuse what is no curve."""
        number, errors = len(self.log_kappa), self.mean_squared_error
        known = [error for error in self.standard_error if error is not None]
        finite = all(map(math.isfinite, (*self.log_kappa, *errors, *known))) and all(error >= 0 for error in known)
        grow = all(a < b for a, b in pairwise(self.log_kappa)) and all(a <= b for a, b in pairwise((0.0, *errors)))
        if not (0 < number == len(errors) == len(self.standard_error) and finite and grow):
            raise SettingsError(
                "error curve: as many errors, none negative or below the one before, as growing log_kappa wanted, "
                "and standard errors of them"
            )

    def __repr__(self) -> str:
        """Number of levels, and the ranges of noise and errors."""
        kappas = " to ".join(f"{math.exp(value):.3g}" for value in sorted({self.log_kappa[0], self.log_kappa[-1]}))
        errors = " to ".join(
            f"{value:.3g}" for value in sorted({self.mean_squared_error[0], self.mean_squared_error[-1]})
        )
        return f"ErrorCurve({counted(len(self.log_kappa), 'level')}, kappa {kappas}, errors {errors})"

    @classmethod
    def at_one(cls, kappa: float, mean_squared_error: float) -> "ErrorCurve":
        """Return the curve that says something of one level alone."""
        return cls((math.log(kappa),), (mean_squared_error,), (None,))

    def table(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return log_kappa and the logarithms of the errors, copied once to each device."""

        def make() -> tuple[Tensor, Tensor]:
            logs = [math.log(max(error, LEAST_ERROR)) for error in self.mean_squared_error]
            known, values = (torch.tensor(numbers, dtype=dtype).to(device) for numbers in (self.log_kappa, logs))
            return known, values

        return made_once(self._tables, (device, dtype), make)

    @cached_property
    def _tables(self) -> dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]]:
        return {}

    def log_error(self, log_kappa: Tensor) -> Tensor:
        """Logarithm of the error at levels, linear in log_kappa between those of the curve; nan beyond its ends."""
        known, _ = self.table(log_kappa.device, held_in(log_kappa))
        inside = (log_kappa >= known[0] - SAME_LOG_KAPPA) & (log_kappa <= known[-1] + SAME_LOG_KAPPA)
        return torch.where(inside, self.log_error_within(log_kappa), math.nan)

    def log_error_within(self, log_kappa: Tensor) -> Tensor:
        """Return the same, and beyond the ends of the curve the error there."""
        return interpolated(*self.table(log_kappa.device, held_in(log_kappa)), log_kappa)
