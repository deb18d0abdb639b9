"""The error curve of every channel, or of every value of a sample: what one curve for all of them averages out.

Pictures have borders that hardly change and middles that do; their optimal variances differ accordingly.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.tensors import made_once
from idm.diffusion.variances.error_curve import LEAST_ERROR
from idm.diffusion.variances.interpolation import interpolated
from idm.schedules.table import held_in


@final
@dataclass(frozen=True, eq=False)
class ErrorCurves:
    """Mean squared errors of the predicted x_0 over the noise level, apart for channels or for places.

    Attributes:
        log_kappa: logarithms of noise-to-signal ratios [k], growing; float64.
        mean_squared_error: the errors there, [k, c, 1, ...] or [k, c, *space], in the data's units squared; none falls
            as noise grows; float64.
        standard_error: of each, likewise; nan where it is not known.

    Raises:
        SettingsError: shapes that do not fit, levels out of order, or errors that are negative, fall or are not finite.
    """

    log_kappa: Tensor
    mean_squared_error: Tensor
    standard_error: Tensor

    def __post_init__(self) -> None:
        """Refuse what are no curves."""
        known, errors, spread = self.log_kappa, self.mean_squared_error, self.standard_error
        fit = known.ndim == 1 and 0 < len(known) == len(errors) and errors.ndim > 1 and errors.shape == spread.shape
        finite = fit and bool(torch.isfinite(known).all() and torch.isfinite(errors).all())
        if not (finite and bool((known.diff() > 0).all() and (errors.diff(dim=0) >= 0).all() and (errors >= 0).all())):
            raise SettingsError(
                "error curves: errors [k, c, *space], none negative or below the one before, at growing log_kappa [k] "
                "wanted, and standard errors of them"
            )

    def __repr__(self) -> str:
        """Number of levels, and the shape of what has a curve each."""
        shape = " x ".join(map(str, self.mean_squared_error.shape[1:]))
        return f"ErrorCurves({len(self.log_kappa)} levels, {shape} curves)"

    @cached_property
    def _tables(self) -> dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]]:
        return {}

    def table(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return log_kappa and the logarithms of the errors, copied once to each device."""

        def make() -> tuple[Tensor, Tensor]:
            logs = torch.log(self.mean_squared_error.clamp(min=LEAST_ERROR))
            return self.log_kappa.to(dtype).to(device), logs.to(dtype).to(device)

        return made_once(self._tables, (device, dtype), make)

    def log_error_within(self, log_kappa: Tensor) -> Tensor:
        """Logarithms of the errors at a level [c, *space], or at one for each sample [b, c, *space].

        Args:
            log_kappa: without axes, or [b, 1, ...] with as many axes as the data. Beyond the ends of the curves the
                errors there are returned.
        """
        return interpolated(*self.table(log_kappa.device, held_in(log_kappa)), log_kappa)
