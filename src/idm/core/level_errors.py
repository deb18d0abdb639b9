"""Errors of predictions over noise levels, sample by sample, and how much smaller they are on training data."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from idm.core.estimate import Estimate

LOWEST_KAPPA, HIGHEST_KAPPA = 0.1, 5.0
"""Noise-to-signal ratios between which memorisation is looked for: below, the noise hides little of a sample, and
above, hardly anything of it is left."""

SMALLEST_ERROR = 1e-30
"""Floor of the error that others are divided by."""


@final
@dataclass(frozen=True, eq=False)
class LevelErrors:
    """How far predictions are off at some noise levels, on the CPU in float64.

    Attributes:
        kappa: noise-to-signal ratio of each level, growing.
        x_start: mean squared error of x_0 as it is predicted from each noisy sample.
        bits_per_dim: the term of the bound of the step that leads down from each level; None where it is not evaluated.
        optimum: the error of x_0 from the same noisy samples by the best prediction for the training set, which is
            that of its own empirical distribution; None where that is not known.
    """

    kappa: Float[Tensor, " k"]
    x_start: Float[Tensor, "n k"]
    bits_per_dim: Float[Tensor, "n k"] | None = None
    optimum: Float[Tensor, "n k"] | None = None

    @property
    def eps(self) -> Float[Tensor, "n k"]:
        """Mean squared error of the noise: that of x_0 over kappa^2, as x_t = alpha x_0 + sigma eps is known."""
        return self.x_start / self.kappa.square()

    @property
    def excess(self) -> Float[Tensor, "n k"] | None:
        """The error above the optimum; of training samples its mean over samples and noise is at least 0."""
        return None if self.optimum is None else self.x_start - self.optimum

    @property
    def telling(self) -> Bool[Tensor, " k"]:
        """Levels at which memorisation is looked for; all where none is between the two."""
        found = (self.kappa >= LOWEST_KAPPA) & (self.kappa <= HIGHEST_KAPPA)
        return found if bool(found.any()) else torch.ones_like(found)


@final
@dataclass(frozen=True)
class Memorised:
    """How much better a network is on the samples that it was trained on.

    Errors are in shares of the mean error of held-out samples at the same level, and averaged over the telling levels.

    Attributes:
        share: by which errors of training samples are smaller; 0 where they are like any others.
        excess: of the errors of training samples over the optimum of their own distribution; 0 where all that can be
            memorised is; None where the optimum is not known.
    """

    share: Estimate
    excess: Estimate | None


def memorised(training: LevelErrors, held_out: LevelErrors) -> Memorised:
    """Compare errors on training and on held-out samples, at the same levels."""
    levels = training.telling
    scale = held_out.x_start.mean(0).clamp(min=SMALLEST_ERROR)
    trained, others = (_mean(errors.x_start / scale, levels) for errors in (training, held_out))
    error = math.hypot(trained.standard_error, others.standard_error)
    excess = None if training.excess is None else _mean(training.excess / scale, levels)
    return Memorised(Estimate(1.0 - trained.mean, error), excess)


def _mean(relative: Tensor, levels: Tensor) -> Estimate:
    """Average over some levels, and then over samples, which differ independently."""
    return Estimate.of(relative[:, levels].mean(1))
