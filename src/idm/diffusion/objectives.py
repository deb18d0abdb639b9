"""How the squared error and the variational bound add up to the loss.

All four losses of improved DDPM are one formula: loss = [regression] mse + weight * vb, with vb the single
bound term of the sampled step, in bits/dim. The squared error may count more at some noise levels than at others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import PerSample
from idm.schedules import Level

Weighting = Callable[[Level], Tensor | float]
"""By what the squared error at levels is multiplied: a positive number, or one for each, shaped as they are."""


@dataclass(frozen=True)
class Objective:
    """Weights of the loss.

    Attributes:
        regression: whether the squared error of the prediction is part of the loss. Where it is not, the
            bound trains mean and variance; where it is, the bound trains only a learned variance.
        vb_factor: weight of the bound term.
        vb_times_num_timesteps: multiply that weight by T, which makes a single term an unbiased estimate of
            the whole bound (without the prior term).
        weighting: weight of the squared error as a function of the level; None: the same at all levels.
    """

    regression: bool
    vb_factor: float
    vb_times_num_timesteps: bool
    weighting: Weighting | None = None

    def __post_init__(self) -> None:
        """Refuse a weighting of nothing.

        Raises:
            SettingsError: a weighting without a squared error.
        """
        if self.weighting is not None and not self.regression:
            raise SettingsError("weighting: an objective with a squared error wanted; this one is the bound alone")

    def weigh(self, mse: PerSample, at: Level) -> PerSample:
        """Return the squared errors [b] of samples at levels, weighted."""
        return mse if self.weighting is None else torch.as_tensor(self.weighting(at)).to(mse).flatten() * mse

    def vb_weight(self, num_timesteps: int) -> float:
        """Weight of the bound term of one step in a chain of ``num_timesteps``."""
        return self.vb_factor * (num_timesteps if self.vb_times_num_timesteps else 1)
