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
from idm.core.tensors import append_dims

NUM_GROUPS = 32
CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
AVERAGED: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
CONVOLVED: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
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


def level_factors(dims: int, halved_axes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the factor by which each spatial axis changes between levels: 2 for the halved axes, 1 for the others.

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


class SiLU(nn.Module):
    """x sigmoid(x), in the place of its input where no gradient needs that: for what a norm has just returned."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of x's shape; without gradients x itself is overwritten."""
        return F.silu(x, inplace=not torch.is_grad_enabled())


class GroupNorm(nn.GroupNorm):
    """Group normalisation with 32 groups, or as many as divide the width; statistics in float32 at least.

    An optional ``scale`` and ``shift`` per sample and channel make it norm(x) * (1 + scale) + shift.
    """

    def __init__(self, channels: int) -> None:
        """Normalise ``channels`` channels."""
        super().__init__(math.gcd(NUM_GROUPS, channels), channels)

    def forward(self, input: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Normalise [b, c, *space]; scale and shift are [b, c], or [1, c] for all samples."""
        # Not nn.functional's: it refuses a single value per group, which a small map can have.
        if scale is None or shift is None:
            return torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        scale = 1.0 + scale
        if input.is_contiguous() and len(input) > 0:
            return self._folded(input, self.weight * scale, torch.addcmul(shift, self.bias, scale))
        normal = torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        return torch.addcmul(append_dims(shift, input.ndim), normal, append_dims(scale, input.ndim))

    def _folded(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Weigh each sample by its own [b, c] within the kernel, as channels of a single sample: one pass, not two."""
        batch, channels, *space = x.shape
        weight, bias = (value.expand(batch, -1).flatten() for value in (weight, bias))
        folded = x.view(1, batch * channels, *space)
        return torch.group_norm(folded, batch * self.num_groups, weight, bias, self.eps).view(x.shape)


class Upsample(nn.Module):
    """Doubles the halved axes by repetition, then smooths with a convolution if asked for."""

    def __init__(self, channels: int, *, use_conv: bool, dims: int, halved_axes: tuple[int, ...] | None = None) -> None:
        """Keep the number of channels."""
        super().__init__()
        self.factors = level_factors(dims, halved_axes)
        self.conv = convolution(dims, channels, channels, 3) if use_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c, *doubled]."""
        if self.conv is not None and x.device.type == "cpu":
            return self._smoothed(x, *(getattr(self.conv, name) for name in ("weight", "bias")))
        x = F.interpolate(x, scale_factor=[float(factor) for factor in self.factors], mode="nearest")
        return x if self.conv is None else self.conv(x)

    def _smoothed(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Repeat and smooth in one transposed convolution of the small input.

        Because neighbours repeat, an output place sees no more than two different inputs of its three along a doubled
        axis. With the taps that meet the same input added up beforehand, 2^n / 3^n of the products are left for n axes.
        """
        for axis, factor in enumerate(self.factors, start=2):
            if factor == 2:
                after = [0, 0] * (weight.ndim - 1 - axis)
                weight = F.pad(weight, [*after, 0, 1]) + F.pad(weight, [*after, 1, 0])
        weight = weight.flip(list(range(2, weight.ndim))).transpose(0, 1)
        return TRANSPOSED[len(self.factors)](x, weight, bias, stride=self.factors, padding=1)


class Downsample(nn.Module):
    """Halves the halved axes, rounding up, by a strided convolution or by averaging.

    To the convolution an axis of odd length is one zero longer, as it is to all others; averages are of what there is.
    """

    op: nn.Module | None

    def __init__(self, channels: int, *, use_conv: bool, dims: int, halved_axes: tuple[int, ...] | None = None) -> None:
        """Keep the number of channels."""
        super().__init__()
        self.factors = level_factors(dims, halved_axes)
        self.op = convolution(dims, channels, channels, 3, self.factors) if use_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c, *halved]."""
        if self.op is not None:
            return self.op(x)
        window = [min(factor, size) for factor, size in zip(self.factors, x.shape[2:], strict=True)]
        return AVERAGED[len(window)](x, window, ceil_mode=True)
