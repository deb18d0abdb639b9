"""Guidance whose x_0 keeps the contrast of the conditional one (Lin et al. 2024, section 3.4)."""

from dataclasses import dataclass
from typing import Annotated, final

import torch
from annotated_types import Ge, Le
from torch import Tensor

from idm.core.tensors import append_dims
from idm.core.types import Images
from idm.guidance.rule import EstimateRule
from idm.schedules import Level


@final
@dataclass(frozen=True)
class Rescaled(EstimateRule):
    """Multiplies the guided x_0 of each sample by phi std(x_0') / std(x_0) + 1 - phi, x_0' being the first denoiser's.

    Standard deviations are over all values of a sample. "Common diffusion noise schedules and sample steps are flawed",
    eq. 15 and 16, of x_0.

    Attributes:
        phi: 0 is the plain rule, 1 keeps the standard deviation; the paper takes 0.7.
    """

    phi: Annotated[float, Ge(0), Le(1)] = 0.7

    def combine(self, first: Tensor, second: Tensor, scale: float | Tensor, x: Images, at: Level) -> Tensor:
        """Extrapolate and shrink."""
        moved = torch.lerp(second, first, scale)
        wanted, got = (value.flatten(1).std(1, correction=0) for value in (first, moved))
        ratio = torch.where(got > 0, wanted / got, 1.0)  # a constant sample has no contrast to keep
        return moved * append_dims(self.phi * ratio + (1.0 - self.phi), x.ndim)
