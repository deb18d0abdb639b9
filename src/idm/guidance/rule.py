"""How the x_0 that two denoisers find become one; the plain way is a line through both."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import final

from torch import Tensor

from idm.core.limits import refuse_out_of_range
from idm.core.tensors import append_dims
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser, extrapolate, find_both
from idm.guidance.guided import scale_within
from idm.schedules import Level


@dataclass(frozen=True)
class GuidanceRule(ABC):
    """Combines a denoiser with a worse one. It is a function of x, its level and both x_0: nothing is remembered.

    So it serves every sampler, in any order of levels, and each sample depends on its own seed alone. At scale 1 every
    rule gives what the first denoiser finds.
    """

    def __post_init__(self) -> None:
        """Refuse options beyond the ranges that their annotations state.

        Raises:
            SettingsError: a line per wrong option.
        """
        refuse_out_of_range(type(self), vars(self))

    @abstractmethod
    def __call__(self, first: Denoiser, second: Denoiser, scale: float | Tensor, x: Images, at: Level, /) -> Denoised:
        """Combine.

        Args:
            first: the denoiser that samples are drawn towards; a variance head is its.
            second: the one that they are pushed away from.
            scale: 1 is the first, more pushes further; one number, or one per sample, shaped to broadcast over x.
            x: noisy data.
            at: its level.
        """

    def within(
        self, first: Denoiser, second: Denoiser, scale: float, interval: tuple[float, float], x: Images, at: Level
    ) -> Denoised:
        """Combine at the noise-to-signal ratios of an interval; at others the first denoiser alone is asked."""
        here = scale_within(scale, *interval, at, off=1.0)
        if here is None:
            return replace(found := first(x, at), x_start=found.raw)
        return self(first, second, here, x, at)


@final
@dataclass(frozen=True)
class Linear(GuidanceRule):
    """x_0 = x_0'' + scale (x_0' - x_0'') (Ho & Salimans 2022, eq. 6): x_0' is the first denoiser's, x_0'' the second's.

    Scale 0 is the second denoiser.
    """

    def __call__(self, first: Denoiser, second: Denoiser, scale: float | Tensor, x: Images, at: Level, /) -> Denoised:
        """Extrapolate."""
        return extrapolate(first, second, scale, x, at)


@dataclass(frozen=True)
class EstimateRule(GuidanceRule):
    """A rule that combines estimates of x_0; a mean of x_{t-1} that a network predicts then follows from x_0."""

    def __call__(self, first: Denoiser, second: Denoiser, scale: float | Tensor, x: Images, at: Level, /) -> Denoised:
        """Ask both, and combine what they find."""
        found, other = find_both(first, second, x, at)
        raw = self.combine(found.raw, other.raw, scale, x, at)
        return replace(found, x_start=raw, raw=raw, mean=None)

    @abstractmethod
    def combine(self, first: Tensor, second: Tensor, scale: float | Tensor, x: Images, at: Level) -> Tensor:
        """Return x_0 of the two that were found, all of x's shape."""


def inner_product(first: Tensor, second: Tensor) -> Tensor:
    """Sum over the values of each sample, shaped to broadcast over them: [b, ...] -> [b, 1, ...]."""
    return append_dims((first * second).flatten(1).sum(1), first.ndim)
