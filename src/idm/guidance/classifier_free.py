"""Classifier-free guidance (Ho & Salimans 2022), in an interval of noise levels (Kynkäänniemi et al. 2024)."""

import math
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser, extrapolate
from idm.schedules import Level


@final
@dataclass(frozen=True)
class ClassifierFreeGuidance:
    """Pushes x_0 from the unconditional towards, or beyond, the conditional one.

    x_0 as it is read counts, whatever the two clip: clip what comes out (``Sampler.clipped``). A variance head means
    the same with and without guidance, and is the conditional one.

    Attributes:
        conditional: the denoiser that is told the class.
        unconditional: the denoiser that is not; one call serves both where they are one network, made with clip=False.
        scale: 1 is the conditional denoiser, 0 the unconditional one, more than 1 exaggerates the class.
        low: smallest noise-to-signal ratio that is guided.
        high: largest one; at other levels the conditional denoiser alone is asked.
    """

    conditional: Denoiser
    unconditional: Denoiser
    scale: float
    low: float = 0.0
    high: float = math.inf

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Predict with and without the class."""
        scale = self._scale(at)
        if scale is None:
            return replace(found := self.conditional(x, at), x_start=found.raw)
        return extrapolate(self.conditional, self.unconditional, scale, x, at)

    def select(self, rows: Tensor, /) -> "ClassifierFreeGuidance":
        """Select from both."""
        return replace(self, conditional=self.conditional.select(rows), unconditional=self.unconditional.select(rows))

    def _scale(self, at: Level) -> Tensor | float | None:
        """The scale at a level, or of each sample; None where nothing is guided."""
        if (self.low, self.high) == (0.0, math.inf):
            return self.scale
        guided = (at.kappa >= self.low) & (at.kappa <= self.high)
        if guided.ndim == 0:
            return self.scale if bool(guided) else None
        return torch.where(guided, self.scale, 1.0).to(at.kappa.dtype)
