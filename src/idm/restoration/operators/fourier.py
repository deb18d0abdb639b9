"""Some frequencies of complex data, as in magnetic resonance imaging."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.restoration.operators.base import LinearOperator, number_of


@final
class Fourier(LinearOperator):
    """Some values of the orthonormal Fourier transform: o [b, c, n], real and imaginary parts as the data have them.

    Channels 2 j and 2 j + 1 are the real and the imaginary part of a complex signal. Frequency 0 is in the middle, and
    so is the origin in space, as k-space is stored.
    """

    def __init__(self, shape: Sequence[int], sampled: Tensor) -> None:
        """Say which frequencies.

        Args:
            shape: of one sample [c, *space], c even.
            sampled: bool [*space], True where a frequency is observed.

        Raises:
            SettingsError: data without spatial axes or with an odd number of channels, or ``sampled`` of another shape
                or type, or nothing in it.
        """
        super().__init__(shape)
        if len(self.shape) < 2 or self.shape[0] % 2:
            raise SettingsError(
                f"fourier: data with an even number of channels, real and imaginary parts, and spatial axes wanted, "
                f"got shape {self.shape}"
            )
        if sampled.dtype != torch.bool or tuple(sampled.shape) != self.shape[1:] or not bool(sampled.any()):
            raise SettingsError(
                f"sampled: truth values of shape {self.shape[1:]} wanted, some of them true, got "
                f"{tuple(sampled.shape)} of {str(sampled.dtype).removeprefix('torch.')}"
            )
        self.sampled = sampled.cpu()

    @classmethod
    def lines(cls, shape: Sequence[int], every: int, centre: int = 0) -> "Fourier":
        """Sample whole lines along the first spatial axis: each ``every``-th, and ``centre`` of them in the middle.

        Raises:
            SettingsError: ``every`` below 1 or ``centre`` below 0, or data of a wrong shape.
        """
        if every < 1 or centre < 0:
            raise SettingsError(
                f"fourier: every of at least 1 and centre of at least 0 wanted, got {every} and {centre}"
            )
        number = shape[1] if len(shape) > 1 else 1
        line = torch.arange(number) - number // 2
        wanted = (line % every == 0) | ((line >= -(centre // 2)) & (line < (centre + 1) // 2))
        return cls(shape, wanted.view(-1, *(1,) * (len(shape) - 2)).expand(tuple(shape[1:])))

    @property
    def words(self) -> str:
        """The number of its frequencies in words."""
        return f"{int(self.sampled.sum()):,} of {self.sampled.numel():,} frequencies"

    def _places(self, like: Tensor) -> Tensor:
        return self.kept("places", like, lambda: self.sampled.flatten().nonzero()[:, 0])

    def observe(self, x: Images) -> Tensor:
        """Transform, and pick frequencies."""
        axes = list(range(2, x.ndim))
        transformed = torch.fft.fftn(torch.fft.ifftshift(_as_complex(x), dim=axes), dim=axes, norm="ortho")
        picked = torch.fft.fftshift(transformed, dim=axes).flatten(2).index_select(2, self._places(x))
        return _as_channels(picked)

    def adjoint(self, o: Tensor) -> Images:
        """Put frequencies where they belong, 0 elsewhere, and transform back."""
        known = _as_complex(o)
        empty = known.new_zeros(*known.shape[:2], number_of(self.shape[1:]))
        filled = empty.index_copy(2, self._places(o), known).view(*known.shape[:2], *self.shape[1:])
        axes = list(range(2, filled.ndim))
        signal = torch.fft.ifftn(torch.fft.ifftshift(filled, dim=axes), dim=axes, norm="ortho")
        return _as_channels(torch.fft.fftshift(signal, dim=axes))


def _as_complex(x: Tensor) -> Tensor:
    """[b, 2 k, ...] -> complex [b, k, ...]."""
    return torch.complex(x[:, 0::2], x[:, 1::2])


def _as_channels(z: Tensor) -> Tensor:
    """Complex [b, k, ...] -> [b, 2 k, ...]."""
    return torch.stack([z.real, z.imag], dim=2).flatten(1, 2)
