"""The exact denoiser of a stationary Gaussian random field on a torus."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.oracles.base import ExactDenoiser, Moments
from idm.schedules import Level


@final
class GaussianFieldDenoiser(ExactDenoiser):
    """x_0 = F^-1 sqrt(S) F n with white noise n: its orthonormal Fourier coefficients are independent, of variance S.

    Noise is white in every basis, so the Wiener filter acts on each coefficient alone: E[x_0 | x_t] =
    F^-1 (alpha S / (alpha^2 S + sigma^2)) F x_t, and Var(x_0 | x_t) is the mean of S sigma^2 / (alpha^2 S + sigma^2)
    over frequencies, the same everywhere. Neighbours are correlated, as in images, and all is known. The mean is 0.
    """

    def __init__(self, diffusion: GaussianDiffusion, spectrum: Tensor) -> None:
        """Describe the data.

        Args:
            diffusion: the process.
            spectrum: variance of each coefficient [c, *space], in the order of ``torch.fft.fftn``; at least 0, and the
                same at a frequency and its negative, or the field would not be real. Channels are independent.

        Raises:
            SettingsError: a spectrum that is none.
        """
        super().__init__(diffusion)
        self.spectrum = spectrum.double()
        self._axes = tuple(range(1 - spectrum.ndim, 0))
        if spectrum.ndim < 2 or bool((self.spectrum < 0).any()) or not self._is_even:
            raise SettingsError(
                f"spectrum: [c, *space] of at least 0 wanted, the same at k and -k, got shape {tuple(spectrum.shape)}"
            )

    def x_start_moments(self, x_t: Images, at: Level, conditioning: Mapping[str, Tensor]) -> Moments:
        """Moments of the Gaussian posterior; it has no classes and takes no conditioning."""
        if conditioning:
            raise SettingsError(f"conditioning: none wanted, fields have no classes, got {sorted(conditioning)}")
        if x_t.shape[1:] != self.spectrum.shape:
            raise SettingsError(f"x: samples of shape {tuple(self.spectrum.shape)} wanted, got {tuple(x_t.shape[1:])}")
        spectrum = self.spectrum.to(x_t.device)
        share = spectrum / (at.alpha**2 * spectrum + at.sigma**2)
        left = (at.sigma**2 * share).mean(self._axes, keepdim=True)
        return Moments(filtered(x_t, at.alpha * share), left.expand_as(x_t))

    @property
    def _is_even(self) -> bool:
        mirrored = torch.roll(self.spectrum.flip(self._axes), (1,) * len(self._axes), self._axes)
        return torch.allclose(self.spectrum, mirrored)

    @property
    def covariance(self) -> Tensor:
        """Covariance of all values of a sample [d, d], float64: a circulant block for each channel."""
        number = self.spectrum.numel()
        unit = torch.eye(number, dtype=torch.float64, device=self.spectrum.device)
        return filtered(unit.view(number, *self.spectrum.shape), self.spectrum).flatten(1)


def filtered(x: Tensor, gains: Tensor) -> Tensor:
    """Multiply the Fourier coefficients of real fields x [b, c, *space] by even gains that broadcast over them."""
    axes = tuple(range(2, x.ndim))
    return torch.fft.ifftn(gains * torch.fft.fftn(x, dim=axes), dim=axes).real


def power_law(space: Sequence[int], exponent: float, variance: float) -> Tensor:
    """Return the spectrum (1 + |k|^2)^(-exponent / 2) of frequencies k in periods per field, [*space].

    Args:
        space: sizes of the axes.
        exponent: 0 is white noise; the larger, the smoother.
        variance: of each value: the mean over frequencies.
    """
    sizes = [torch.fft.fftfreq(size, 1.0 / size, dtype=torch.float64) for size in space]
    grids = torch.meshgrid(*sizes, indexing="ij")
    spectrum = (1.0 + sum(grid.square() for grid in grids)) ** (-exponent / 2)
    return spectrum * (variance / spectrum.mean())
