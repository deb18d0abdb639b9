"""The three conventions for clipping the predicted x_0 in DDIM; published figures differ by them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum, unique

from torch import Tensor

from idm.diffusion import DenoisedFn, GaussianDiffusion, NetworkOutput


class ClippingRule(ABC):
    """Which x_0 and which noise direction a DDIM step uses."""

    @property
    @abstractmethod
    def clips(self) -> bool:
        """Whether x_0 is kept in [-1, 1]."""

    @abstractmethod
    def directions(
        self,
        diffusion: GaussianDiffusion,
        output: NetworkOutput,
        x_t: Tensor,
        t: int | Tensor,
        denoised_fn: DenoisedFn | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the predicted x_0 and eps of a step, each of x_t's shape."""


@dataclass(frozen=True)
class Rederived(ClippingRule):
    """eps is derived again from the x_0 that is used, clipped or not, so that the two agree with x_t.

    Attributes:
        clip: clamp x_0 to [-1, 1] first.
    """

    clip: bool

    @property
    def clips(self) -> bool:
        """As said."""
        return self.clip

    def directions(
        self,
        diffusion: GaussianDiffusion,
        output: NetworkOutput,
        x_t: Tensor,
        t: int | Tensor,
        denoised_fn: DenoisedFn | None,
    ) -> tuple[Tensor, Tensor]:
        """x_0 processed, and the eps that x_t then holds."""
        x_start = diffusion.interpret_x_start(output, x_t, t, clip_denoised=self.clip, denoised_fn=denoised_fn)
        return x_start, diffusion.predict_eps_from_xstart(x_t, t, x_start)


@dataclass(frozen=True)
class KeptEps(ClippingRule):
    """x_0 is clipped, eps stays as the network said it."""

    @property
    def clips(self) -> bool:
        """It is."""
        return True

    def directions(
        self,
        diffusion: GaussianDiffusion,
        output: NetworkOutput,
        x_t: Tensor,
        t: int | Tensor,
        denoised_fn: DenoisedFn | None,
    ) -> tuple[Tensor, Tensor]:
        """x_0 processed, and the eps of the unprocessed x_0."""
        raw = diffusion.interpret_x_start(output, x_t, t, clip_denoised=False)
        used = diffusion.interpret_x_start(output, x_t, t, clip_denoised=True, denoised_fn=denoised_fn)
        return used, diffusion.predict_eps_from_xstart(x_t, t, raw)


@unique
class DDIMClipping(Enum):
    """Names of the conventions.

    REDERIVE: clip x_0 and derive eps again (improved DDPM). KEEP_EPS: clip x_0, keep the raw eps
    (Analytic-DPM). NONE: no clipping (the original DDIM code).
    """

    REDERIVE = Rederived(clip=True)
    KEEP_EPS = KeptEps()
    NONE = Rederived(clip=False)
