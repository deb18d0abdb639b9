"""One pass over features in place of two: scaled norms, activations in place, smooth repetition."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor

from idm.core.tensors import append_dims

TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


def scaled_norm(
    x: Tensor, num_groups: int, weight: Tensor, bias: Tensor, eps: float, scale: Tensor, shift: Tensor
) -> Tensor:
    """Return group_norm(x) * (1 + scale) + shift, scale and shift [b, c], or [1, c] for all samples."""
    scale = 1.0 + scale
    if not x.is_contiguous() or len(x) == 0:
        normal = torch.group_norm(x, num_groups, weight, bias, eps)
        return torch.addcmul(append_dims(shift, x.ndim), normal, append_dims(scale, x.ndim))
    # Each sample is weighed by its own numbers within the kernel, as channels of a single sample.
    batch, channels, *space = x.shape
    weight, bias = weight * scale, torch.addcmul(shift, bias, scale)
    weight, bias = (value.expand(batch, -1).flatten() for value in (weight, bias))
    folded = x.view(1, batch * channels, *space)
    return torch.group_norm(folded, batch * num_groups, weight, bias, eps).view(x.shape)


def silu_of_own(x: Tensor) -> Tensor:
    """Return silu(x), in the place of x where no gradient needs that: for what the caller has just made."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


def smooth_repetition(x: Tensor, factors: Sequence[int], weight: Tensor, bias: Tensor) -> Tensor:
    """Repeat x along axes of factor 2 and convolve it with kernels of length three, in one convolution of the small x.

    Because neighbours repeat, an output place sees no more than two different inputs of its three along a doubled
    axis. With the taps that meet the same input added up beforehand, 2^n / 3^n of the products are left for n axes.
    """
    for axis, factor in enumerate(factors, start=2):
        if factor == 2:
            after = [0, 0] * (weight.ndim - 1 - axis)
            weight = F.pad(weight, [*after, 0, 1]) + F.pad(weight, [*after, 1, 0])
    weight = weight.flip(list(range(2, weight.ndim))).transpose(0, 1)
    return TRANSPOSED[len(factors)](x, weight, bias, stride=tuple(factors), padding=1)
