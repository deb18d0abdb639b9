"""Classifier-free guidance (Ho & Salimans 2022), in an interval of noise levels (Kynkäänniemi et al. 2024)."""

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
class ClassifierFreeGuidance(Guided):
    """Pushes x_0 from the unconditional towards, or beyond, the conditional one.

    x_0 as it is read counts, whatever the two clip: clip what comes out (``Sampler.clipped``). A variance head means
    the same with and without guidance, and is the conditional one.

    Attributes:
        conditional: the denoiser that is told the class.
        unconditional: the denoiser that is not; one call serves both where they are one network, made with clip=False.
        scale: 1 is the conditional denoiser, 0 the unconditional one, more than 1 exaggerates the class.
        low: smallest noise-to-signal ratio that is guided.
        high: largest one; at other levels the conditional denoiser alone is asked.
        rule: how the two are combined.
    """

    conditional: Denoiser
    unconditional: Denoiser
    scale: float
    low: float = 0.0
    high: float = math.inf
    rule: GuidanceRule = Linear()  # noqa: RUF009 (immutable)

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Predict with and without the class."""
        return self.rule.within(self.conditional, self.unconditional, self.scale, (self.low, self.high), x, at)

    def select(self, rows: Tensor, /) -> "ClassifierFreeGuidance":
        """Select from both."""
        return replace(self, conditional=self.conditional.select(rows), unconditional=self.unconditional.select(rows))
