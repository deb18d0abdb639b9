"""The three conventions for clipping the predicted x_0 in DDIM; published figures differ by them."""

from dataclasses import dataclass
from enum import Enum, unique

from torch import Tensor

from idm.diffusion import Denoised
from idm.schedules import Level


@dataclass(frozen=True)
class ClippingRule:
    """Which x_0 and which noise direction a DDIM step uses.

    Attributes:
        clips: clamp x_0 to [-1, 1].
        keeps_eps: take eps as the network said it, from the unchanged x_0; else derive it again from the x_0 that is
            used, so that the two agree with x_t.
    """

    clips: bool
    keeps_eps: bool

    def eps(self, found: Denoised, x: Tensor, at: Level) -> Tensor:
        """Return the noise direction."""
        return at.eps(x, found.raw if self.keeps_eps else found.x_start)


@unique
class DDIMClipping(Enum):
    """Names of the conventions.

    REDERIVE: clip x_0 and derive eps again (improved DDPM). KEEP_EPS: clip x_0, keep the raw eps
    (Analytic-DPM). NONE: no clipping (the original DDIM code).
    """

    REDERIVE = ClippingRule(clips=True, keeps_eps=False)
    KEEP_EPS = ClippingRule(clips=True, keeps_eps=True)
    NONE = ClippingRule(clips=False, keeps_eps=False)
