"""What all guided denoisers are, and why they have no likelihood."""

import math
from abc import ABC, abstractmethod
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.diffusion import Denoised, Denoiser
from idm.schedules import Level


class Guided(ABC):
    """A denoiser whose x_0 is pushed away from the mean of x_0 given x.

    No density, noised, has such an x_0 at every level: that of a scale w, p(x) p(c | x)^w up to a constant at each
    level, is at no two levels the same density, noised (Bradley & Nakkiran 2024, "Classifier-free guidance is a
    predictor-corrector"). Hence ``refuse_guided``.
    """

    @abstractmethod
    def __call__(self, x: Images, at: Level, /) -> Denoised:
        """Denoise and guide."""

    @abstractmethod
    def select(self, rows: Tensor, /) -> "Guided":
        """Return the denoiser of some of the samples."""


def is_guided(denoise: object) -> bool:
    """Whether a denoiser is guided, or holds one that is."""
    if isinstance(denoise, Guided):
        return True
    held = [getattr(denoise, entry.name) for entry in fields(denoise)] if is_dataclass(denoise) else []
    return any(isinstance(part, Denoiser) and is_guided(part) for part in held)


def refuse_guided(denoise: Denoiser, what: str) -> None:
    """Refuse a guided denoiser where its x_0 has to be the mean of x_0 given x.

    Args:
        denoise: the denoiser.
        what: what it is wanted for.

    Raises:
        SettingsError: it is guided.
    """
    if is_guided(denoise):
        raise SettingsError(
            f"{what}: a denoiser without guidance wanted, got a guided one, whose x_0 is the mean of x_0 under no "
            "density; leave guidance out"
        )


def scale_within(scale: float, low: float, high: float, at: Level, off: float) -> Tensor | float | None:
    """Return the scale of guidance at a level, or of each sample.

    Args:
        scale: within the interval.
        low: smallest noise-to-signal ratio that is guided, itself included.
        high: largest one, likewise.
        at: the level.
        off: the scale that guides nothing, which other samples have.

    Returns:
        None where nothing is guided.
    """
    if (low, high) == (0.0, math.inf):
        return scale
    guided = (at.kappa >= low) & (at.kappa <= high)
    if guided.ndim == 0:
        return scale if bool(guided) else None
    return torch.where(guided, at.kappa.new_full((), scale), off)  # a number alone would be rounded to float32
