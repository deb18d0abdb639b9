"""Adaptive projected guidance (Sadat, Hilliges & Weber 2024), without its momentum."""

from dataclasses import dataclass
from typing import Annotated, final

import torch
from annotated_types import Ge
from torch import Tensor

from idm.core.types import Images
from idm.guidance.rule import EstimateRule, inner_product
from idm.schedules import Level


@final
@dataclass(frozen=True)
class Projected(EstimateRule):
    """Pushes x_0 across itself, not along itself, which is what saturates colours.

    With the difference d = x_0' - x_0'' of the two denoisers' x_0, cut to a length of at most ``norm_threshold``, and
    its part p along x_0' (the projection on it), x_0 = x_0' + (scale - 1) (d - p + eta p): "Eliminating oversaturation
    and artifacts of high guidance scales in diffusion models", section 4.

    The paper's momentum, a running sum of d over the steps, is left out: x_0 would be no function of x and its level.
    A solver asks several times at one step, encoding walks upwards, and an interrupted job goes on in the middle; each
    would see another sum.

    Attributes:
        eta: share of the part along x_0' that is kept; 1 is the plain rule.
        norm_threshold: largest length of d, the root of the sum of its squares over all values of a sample in the
            model's range; 0: any.
    """

    eta: float = 0.0
    norm_threshold: Annotated[float, Ge(0)] = 0.0

    def combine(self, first: Tensor, second: Tensor, scale: float | Tensor, x: Images, at: Level) -> Tensor:
        """Project the difference, and go along what is left."""
        apart = first - second
        if self.norm_threshold > 0:
            length = inner_product(apart, apart).sqrt()
            apart = apart * (self.norm_threshold / length).clamp(max=1.0)  # 1 where the length is 0
        square = inner_product(first, first)
        along = torch.where(square > 0, inner_product(apart, first) / square, 0.0) * first
        return first + (scale - 1.0) * (apart - (1.0 - self.eta) * along)
