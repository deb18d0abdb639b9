"""Ways to invert, by name, on a grid of a run's process."""

from dataclasses import dataclass

from idm.diffusion import GaussianDiffusion
from idm.editing import INVERSIONS, Inversion, inversion_process

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
    """

    inversion: Inversion
    method: str
    spacing: str


def choose_inversion(
    diffusion: GaussianDiffusion, method: str | None = None, steps: int | None = None, spacing: str | None = None
) -> InversionChoice:
    """Make a way to invert by its name.

    Args:
        diffusion: the process that the network was trained on.
        method: one of ``INVERSIONS``; bdia by default.
        steps: how many; at most as many as the process has, 100 or all of them by default.
        spacing: name of a grid; log_snr by default, or linspace where the network knows the levels of its chain alone.

    Raises:
        SettingsError: an unknown name, or another number of steps.
    """
    method = METHOD if method is None else method
    usual = "linspace" if diffusion.prediction.is_mean else "log_snr"
    spacing = usual if spacing is None else spacing
    make = INVERSIONS[method]
    return InversionChoice(make(inversion_process(diffusion, steps, spacing=spacing)), method, spacing)
