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
LOW_PRECISION = (torch.bfloat16, torch.float16)
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
    """Group normalisation with 32 groups, or as many as divide the width; statistics in float32 at least.

    An optional ``scale`` and ``shift`` per sample and channel make it norm(x) * (1 + scale) + shift.
    """

    def __init__(self, channels: int) -> None:
        """Normalise ``channels`` channels."""
        super().__init__(math.gcd(NUM_GROUPS, channels), channels)

    def forward(self, input: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Normalise [b, c, *space]; scale and shift are [b, c]."""
        if input.device.type == "cpu" and input.dtype in LOW_PRECISION:
            # PyTorch's own kernel takes several times as long as the convolution before it here.
            return self._as_affine(input, scale, shift)
        # Not nn.functional's: it refuses a single value per group, which a small map can have.
        normal = torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        if scale is None or shift is None:
            return normal
        return torch.addcmul(append_dims(shift, input.ndim), normal, append_dims(1.0 + scale, input.ndim))

    def _as_affine(self, x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
        """Fold statistics, weight, bias, scale and shift into one factor and one offset per sample and channel."""
        batch, channels = x.shape[:2]
        places, space = x[0, 0].numel(), tuple(range(2, x.ndim))
        first = x.sum(space, dtype=torch.float32) / places
        second = torch.linalg.vector_norm(x, dim=space, dtype=torch.float32).square() / places
        mean, square = (m.view(batch, self.num_groups, -1).mean(2, keepdim=True) for m in (first, second))
        inverse = torch.rsqrt((square - mean.square()).clamp(min=0.0) + self.eps)
        by_channel = (batch, self.num_groups, channels // self.num_groups)
        mean, inverse = (m.expand(by_channel).reshape(batch, channels) for m in (mean, inverse))
        factor = inverse * self.weight.float()
        offset = self.bias.float() - mean * factor
        if scale is not None and shift is not None:
            factor, offset = factor * (1.0 + scale.float()), offset * (1.0 + scale.float()) + shift.float()
        factor, offset = (append_dims(value.to(x.dtype), x.ndim) for value in (factor, offset))
        return torch.addcmul(offset, x, factor)


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
