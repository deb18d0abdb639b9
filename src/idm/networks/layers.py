"""The small layers that the U-Net is made of, in one to three dimensions.

Their attribute names are improved-diffusion's, because published weights are stored under them.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.networks.fast.passes import scaled_norm, silu_of_own, smooth_repetition
from idm.networks.fast.products import pointwise

NUM_GROUPS = 32
CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
AVERAGED: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
Layer = TypeVar("Layer", bound=nn.Module)


def convolution(
    dims: int, in_channels: int, out_channels: int, kernel: int, stride: int | tuple[int, ...] = 1
) -> nn.Module:
    """Return a convolution over ``dims`` spatial axes that keeps their sizes (up to the stride)."""
    if dims not in CONVOLUTIONS:
        raise SettingsError(f"dims: 1, 2 or 3 spatial axes wanted, got {dims}")
    return CONVOLUTIONS[dims](in_channels, out_channels, kernel, stride=stride, padding=kernel // 2)


def usually_halved(dims: int) -> tuple[int, ...]:
    """Return the spatial axes that improved-diffusion halves: all, but of three not the first."""
    return tuple(range(dims)) if dims < 3 else (1, 2)


def axis_factors(dims: int, halved_axes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the factor by which each spatial axis changes between stages: 2 for the halved axes, 1 for the others.

    Raises:
        SettingsError: axes that are not there, or one given twice.
    """
    axes = usually_halved(dims) if halved_axes is None else halved_axes
    if not set(axes) <= set(range(dims)) or len(set(axes)) < len(axes):
        raise SettingsError(
            f"halved_axes: different spatial axes of {', '.join(map(str, range(dims)))} wanted, got {tuple(axes)}; "
            "0 is the first axis after the channels"
        )
    return tuple(2 if axis in axes else 1 for axis in range(dims))


def zeroed(layer: Layer) -> Layer:
    """Set a layer's parameters to zero, so that a residual branch starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class GroupNorm(nn.GroupNorm):
    """Group normalisation with 32 groups, or as many as divide the width; statistics in float32 at least.

    An optional ``scale`` and ``shift`` per sample and channel make it norm(x) * (1 + scale) + shift; an activation,
    where there is one, comes last.
    """

    def __init__(self, channels: int, *, activated: bool = False) -> None:
        """Normalise ``channels`` channels; ``activated`` returns the SiLU of it, x sigmoid(x)."""
        super().__init__(math.gcd(NUM_GROUPS, channels), channels)
        self.activated = activated

    def forward(self, input: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Normalise [b, c, *space]; scale and shift are [b, c], or [1, c] for all samples."""
        settings = (self.num_groups, self.weight, self.bias, self.eps)
        if scale is None or shift is None:
            # Not nn.functional's: it refuses a single value per group, which a small map can have.
            normal = torch.group_norm(input, *settings)
        else:
            normal = scaled_norm(input, *settings, scale, shift)
        return silu_of_own(normal) if self.activated else normal


class Pointwise(nn.Module):
    """A convolution with a kernel of length one."""

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, dims: int, in_channels: int, out_channels: int) -> None:
        """Map ``in_channels`` to ``out_channels`` at every place."""
        super().__init__()
        for name, parameter in convolution(dims, in_channels, out_channels, 1).named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c_out, *space]."""
        return pointwise(x, self.weight, self.bias)


class Upsample(nn.Module):
    """Doubles the halved axes by repetition, then smooths with a convolution if asked for."""

    def __init__(self, channels: int, *, use_conv: bool, dims: int, halved_axes: tuple[int, ...] | None = None) -> None:
        """Keep the number of channels."""
        super().__init__()
        self.factors = axis_factors(dims, halved_axes)
        self.conv = convolution(dims, channels, channels, 3) if use_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c, *doubled]."""
        if self.conv is not None and x.device.type == "cpu":
            return smooth_repetition(x, self.factors, *self.conv.parameters())
        x = F.interpolate(x, scale_factor=[float(factor) for factor in self.factors], mode="nearest")
        return x if self.conv is None else self.conv(x)


class Downsample(nn.Module):
    """Halves the halved axes, rounding up, by a strided convolution or by averaging.

    To the convolution an axis of odd length is one zero longer, as it is to all others; averages are of what there is.
    """

    op: nn.Module | None

    def __init__(self, channels: int, *, use_conv: bool, dims: int, halved_axes: tuple[int, ...] | None = None) -> None:
        """Keep the number of channels."""
        super().__init__()
        self.factors = axis_factors(dims, halved_axes)
        self.op = convolution(dims, channels, channels, 3, self.factors) if use_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c, *halved]."""
        if self.op is not None:
            return self.op(x)
        window = [min(factor, size) for factor, size in zip(self.factors, x.shape[2:], strict=True)]
        return AVERAGED[len(window)](x, window, ceil_mode=True)
