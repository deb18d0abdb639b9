"""Ways to invert, by name, on a grid of a run's process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idm.core.counts import finite_number, whole_number
from idm.core.errors import SettingsError
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion
from idm.editing import INVERSIONS, Inversion, inversion_process
from idm.editing.inversion import MAX_NOISE_TO_SIGNAL

METHODS = tuple(INVERSIONS)
"""Names of the ways to invert."""

METHOD = "bdia"
"""How samples are inverted where nothing else is said."""


@dataclass(frozen=True)
class InversionChoice:
    """A way to invert, and the grid to do so by.

    Attributes:
        inversion: the way, on its grid.
        method: its name, one of ``INVERSIONS``.
        spacing: name of the grid.
        threshold: share of dynamic thresholding of x_0; 0: x_0 as it is found.
    """

    inversion: Inversion
    method: str
    spacing: str
    threshold: float = 0.0

    @property
    def process(self) -> GaussianDiffusion:
        """The process, on the grid."""
        return self.inversion.diffusion

    def limited(self, denoise: Denoiser) -> Denoiser:
        """Return a denoiser whose x_0 is thresholded, if that is wished."""
        return Clipped(denoise, clip=False, threshold=self.threshold) if self.threshold > 0 else denoise


def choose_inversion(
    diffusion: GaussianDiffusion,
    method: str | None = None,
    steps: int | None = None,
    spacing: str | None = None,
    threshold: float = 0.0,
) -> InversionChoice:
    """Make a way to invert by its name; it begins at data with the noise of the least noisy level, if it can undo that.

    Args:
        diffusion: the process that the network was trained on.
        method: one of ``INVERSIONS``; bdia by default.
        steps: how many; at most as many as the process has, 0 for all, 100 or all of them by default.
        spacing: name of a grid; log_snr by default, or linspace where the network knows the levels of its chain alone.
        threshold: share of dynamic thresholding, as of samplers; 0: off.

    Raises:
        SettingsError: an unknown name, or numbers out of range.
    """
    method = METHOD if method is None else method
    usual = "linspace" if diffusion.prediction.is_mean else "log_snr"
    spacing = usual if spacing is None else spacing
    make, share = INVERSIONS[method], finite_number(threshold, "threshold")
    if not 0.0 <= share <= 1.0:
        raise SettingsError(f"threshold: a share from 0 (off) to 1 wanted, got {share:g}")
    if steps is not None and whole_number(steps, "steps") == 0:
        steps = diffusion.grid.num_steps_below(MAX_NOISE_TO_SIGNAL)
    process = inversion_process(diffusion, steps, spacing=spacing)
    return InversionChoice(make(process).with_noise(), method, spacing, share)


OPTIONS = ("method", "steps", "spacing", "threshold")


def inversion_of(diffusion: GaussianDiffusion, settings: Mapping[str, Any]) -> InversionChoice:
    """Make a way to invert of settings by name.

    Raises:
        SettingsError: a setting that an inversion has not, or as of ``choose_inversion``.
    """
    if others := sorted(settings.keys() - set(OPTIONS)):
        raise SettingsError(
            f"{others[0]}: settings of an inversion ({', '.join(OPTIONS)}) wanted, got another; leave it out"
        )
    return choose_inversion(diffusion, **settings)
