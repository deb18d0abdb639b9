"""The small layers that the U-Net is made of, in one to three dimensions.

Their attribute names are improved-diffusion's, because published weights are stored under them.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.tensors import append_dims

NUM_GROUPS = 32
CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
AVERAGES: dict[int, Callable[..., nn.Module]] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
Layer = TypeVar("Layer", bound=nn.Module)


def convolution(
    dims: int, in_channels: int, out_channels: int, kernel: int, stride: int | tuple[int, ...] = 1
) -> nn.Module:
    """Return a convolution over ``dims`` spatial axes that keeps their sizes (up to the stride)."""
    if dims not in CONVOLUTIONS:
        raise SettingsError(f"dims: 1, 2 or 3 spatial axes wanted, got {dims}")
    return CONVOLUTIONS[dims](in_channels, out_channels, kernel, stride=stride, padding=kernel // 2)


def halved_axes(dims: int) -> tuple[int, ...]:
    """Factor by which each spatial axis changes between levels: 2, but 1 for the first of three axes."""
    return (2,) * dims if dims < 3 else (1, 2, 2)


def zeroed(layer: Layer) -> Layer:
    """Set a layer's parameters to zero, so that a residual branch starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class GroupNorm(nn.GroupNorm):
    """Group normalisation with 32 groups, or as many as divide the width; computed in float32 at least.

    An optional ``scale`` and ``shift`` per sample and channel make it norm(x) * (1 + scale) + shift.
    """

    def __init__(self, channels: int) -> None:
        """Normalise ``channels`` channels."""
        super().__init__(math.gcd(NUM_GROUPS, channels), channels)

    def forward(self, input: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Normalise [b, c, *space]; scale and shift are [b, c]."""
        # Not nn.functional's: it refuses a single value per group, which a small map can have.
        normal = torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        if scale is None or shift is None:
            return normal
        return torch.addcmul(append_dims(shift, input.ndim), normal, append_dims(1.0 + scale, input.ndim))


class Upsample(nn.Module):
    """Doubles the halved axes by repetition, then smooths with a convolution if asked for."""

    def __init__(self, channels: int, *, use_conv: bool, dims: int) -> None:
        """Keep the number of channels."""
        super().__init__()
        self.factors = tuple(float(factor) for factor in halved_axes(dims))
        self.conv = convolution(dims, channels, channels, 3) if use_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c, *doubled]."""
        x = F.interpolate(x, scale_factor=list(self.factors), mode="nearest")
        return x if self.conv is None else self.conv(x)


class Downsample(nn.Module):
    """Halves the halved axes, rounding up, by a strided convolution or by averaging."""

    def __init__(self, channels: int, *, use_conv: bool, dims: int) -> None:
        """Keep the number of channels."""
        super().__init__()
        stride = halved_axes(dims)
        averages = AVERAGES[dims](stride, ceil_mode=True)
        self.op = convolution(dims, channels, channels, 3, stride) if use_conv else averages

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c, *halved]."""
        return self.op(x)
