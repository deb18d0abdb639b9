"""The variance of a reverse step that an error curve makes optimal (Bao et al. 2022, Analytic-DPM)."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from idm.diffusion.variances.base import ReverseVariance
from idm.diffusion.variances.error_curve import ErrorCurve
from idm.diffusion.variances.error_curves import ErrorCurves
from idm.diffusion.variances.optimal import Optimal
from idm.schedules import Level


@final
@dataclass(frozen=True)
class Analytic(Optimal):
    """The posterior variance, and what the uncertainty of x_0 adds to it on average over the data.

    The mean of a reverse step counts x_0 with c = posterior_mean_coef1, so that Var(x_down | x_up) = betatilde + c^2
    Var(x_0 | x_up), whose average over the data is betatilde + c^2 m(kappa_up). Of all variances that do not look at
    x_up it has the smallest bound, for any pair of levels (Bao et al. 2022, theorem 1). The step to clean data has m
    itself. Where the data are Gaussian and the denoiser is exact, so are the samples, in any number of steps. All of
    that holds of one m for all values of a sample, and of an m for each channel or each value.
    """

    @classmethod
    def of(cls, variance: ReverseVariance, curve: ErrorCurve | ErrorCurves) -> "Analytic":
        """Put a curve in the place of a variance; of another analytic one its curve is replaced."""
        return cls(variance.trained, curve)

    def x_start_variance(self, head: Tensor | None, at: Level) -> Tensor:
        """Return m at a level; beyond the ends of the curve that of its nearest end."""
        return torch.exp(self.curve.log_error_within(torch.log(at.kappa)))
