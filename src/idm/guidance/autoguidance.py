"""Autoguidance: a network guided by a bad version of itself (Karras et al. 2024)."""

import math
from dataclasses import dataclass, replace
from typing import final

from torch import Tensor

from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.guidance.guided import Guided
from idm.guidance.rule import GuidanceRule, Linear
from idm.schedules import Level


@final
@dataclass(frozen=True)
class Autoguidance(Guided):
    """Pushes x_0 away from what a worse network finds under the same conditioning, which needs no classes.

    x_0 = x_0' + (scale - 1) (x_0' - x_0''): "Guiding a diffusion model with a bad version of itself", section 4. The
    worse network was trained for less long, is smaller, or is an average over fewer steps: it errs where the better one
    does, but more. Two calls a step.

    Attributes:
        better: the network.
        worse: the worse one.
        scale: 1 is the better network alone, more pushes further.
        low: smallest noise-to-signal ratio that is guided.
        high: largest one; at other levels the better network alone is asked.
        rule: how the two are combined.
    """

    better: Denoiser
    worse: Denoiser
    scale: float
    low: float = 0.0
    high: float = math.inf
    rule: GuidanceRule = Linear()  # noqa: RUF009 (immutable)

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Ask both networks."""
        return self.rule.within(self.better, self.worse, self.scale, (self.low, self.high), x, at)

    def select(self, rows: Tensor, /) -> "Autoguidance":
        """Select from both."""
        return replace(self, better=self.better.select(rows), worse=self.worse.select(rows))
