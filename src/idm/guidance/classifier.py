"""Classifier guidance: the gradient of a classifier of noisy data moves x_0 (Dhariwal & Nichol 2021)."""

import math
from dataclasses import dataclass, replace
from typing import Protocol, final, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.guidance.guided import Guided, scale_within
from idm.schedules import Level


@runtime_checkable
class LevelClassifier(Protocol):
    """Names the class of noisy data; gradients flow through it to the data."""

    def __call__(self, x: Images, at: Level, /) -> Tensor:
        """Return logits [b, classes] of data at a level, or each at its own (``at.sigma``, ``at.kappa``, ...)."""
        ...


@final
@dataclass(frozen=True)
class ClassifierGuidance(Guided):
    """Moves x_0 up the logarithm of the probability of a class: x_0 + scale sigma^2 / alpha grad log p(c | x).

    At scale 1, with the exact classifier, an unconditional denoiser becomes the conditional one (Bayes' rule and
    Tweedie's formula: x_0 = (x + sigma^2 grad log p(x)) / alpha). A denoiser that is told the class itself is pushed
    beyond it. Clip what comes out (``Sampler.clipped``).

    Attributes:
        denoise: what is guided, itself guided or not.
        classifier: logits of noisy data, normalised here.
        y: class of each sample, int64 [b].
        scale: 0 guides nothing.
        low: smallest noise-to-signal ratio that is guided.
        high: largest one.
    """

    denoise: Denoiser
    classifier: LevelClassifier
    y: Int[Tensor, " b"]
    scale: float = 1.0
    low: float = 0.0
    high: float = math.inf

    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Denoise, and move x_0 by the gradient."""
        found = self.denoise(x, at)
        scale = scale_within(self.scale, self.low, self.high, at, off=0.0)
        if scale is None:
            return replace(found, x_start=found.raw)
        # Where no signal is left x tells nothing of the class, and the factor, but not the product, is infinite.
        factor = torch.where(at.alpha > 0, at.sigma * at.kappa, 0.0)
        raw = found.raw + scale * factor * self._gradient(x, at)
        return replace(found, x_start=raw, raw=raw, mean=None)

    def select(self, rows: Tensor, /) -> "ClassifierGuidance":
        """Select from the denoiser and the classes."""
        return replace(self, denoise=self.denoise.select(rows), y=self.y.index_select(0, rows.to(self.y.device)))

    def _gradient(self, x: Images, at: Level) -> Tensor:
        """Gradient of log p(c | x) in x, of x's shape; a sample's logits depend on that sample alone."""
        with torch.inference_mode(False), torch.enable_grad():
            here = x.detach().clone().requires_grad_()
            logits = checked_logits(self.classifier(here, at), len(x))
            chosen = torch.log_softmax(logits, dim=1).gather(1, self.y[:, None]).sum()
            return torch.autograd.grad(chosen, here)[0]


def checked_logits(logits: object, count: int) -> Tensor:
    """Return what a classifier returned for a number of samples that wanted gradients, if it is logits [b, classes].

    Raises:
        SettingsError: something else, or a tensor that was not computed from the samples.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != count or not logits.requires_grad:
        got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        got += " without a gradient" if isinstance(logits, Tensor) and not logits.requires_grad else ""
        raise SettingsError(
            f"logits: a tensor [{count}, classes] that torch computed from x wanted of a classifier of noisy data, "
            f"got {got}; return one"
        )
    return logits
