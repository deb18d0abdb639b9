"""CFG-Zero* (Fan et al. 2025): the worse velocity is scaled to fit the better one, and the first steps stand still."""

from dataclasses import dataclass
from typing import Annotated, final

import torch
from annotated_types import Ge, Le
from torch import Tensor

from idm.core.types import Images
from idm.guidance.rule import EstimateRule, inner_product
from idm.schedules import Level


@final
@dataclass(frozen=True)
class CFGZero(EstimateRule):
    """Guides the velocity v = noise - x_0 of the straight path: v = s v'' + scale (v' - s v'').

    s = <v', v''> / |v''|^2, of each sample, brings the second denoiser's velocity as near to the first's as a factor
    can; where |v''| is 0, s is 1. Near pure noise the velocity is 0 instead.

    The velocity of any x_0 is that of the straight path at the same noise-to-signal ratio: with x = alpha x_0 +
    sigma noise, v = (x - (alpha + sigma) x_0) / sigma. So the rule is defined for every prediction and path. The paper
    argues for networks that predict the velocity: a factor of v'' is not one of x_0'' or of eps, and to stand still
    means to keep x / (alpha + sigma). With other predictions nothing is known of it: measure.

    Attributes:
        zero_share: share of the straight path, from pure noise, on which the velocity is 0: where sigma / (alpha +
            sigma) > 1 - zero_share. The paper's first 4 % of evenly spaced steps, said of levels; walks that begin with
            less noise, such as those on log_snr levels, meet none. 0: nowhere.
    """

    zero_share: Annotated[float, Ge(0), Le(1)] = 0.04

    def combine(self, first: Tensor, second: Tensor, scale: float | Tensor, x: Images, at: Level) -> Tensor:
        """Scale, extrapolate, and go back from velocities to x_0."""
        total = at.alpha + at.sigma
        better, worse = ((x - total * x_start) / at.sigma for x_start in (first, second))
        square = inner_product(worse, worse)
        fitted = torch.where(square > 0, inner_product(better, worse) / square, 1.0) * worse
        velocity = torch.lerp(fitted, better, scale)
        stands_still = at.sigma > (1.0 - self.zero_share) * total
        is_on = torch.as_tensor(scale, device=x.device) != 1.0  # a scale of 1 is no guidance, at any level
        return torch.where(stands_still & is_on, x, x - at.sigma * velocity) / total
