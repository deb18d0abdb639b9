"""Products of features with matrices: linear maps of tokens, convolutions with kernels of length one, attention."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor

from idm.networks.fast.processor import has_wide_vectors

CONVOLVED: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}

MOST_PLACES, LEAST_WORK = 256, 2**24
"""Most places, and fewest products, at which kernels of length one are best convolved."""

LOW_PRECISION = (torch.bfloat16, torch.float16)
LONGEST_EXPLICIT = 256
"""Most places at which explicit matrix products are the faster attention in low precision on a CPU."""


def linear(tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return tokens weight^T + bias, as torch's ``linear`` does.

    Args:
        tokens: features [b, places, c].
        weight: [c_out, c].
        bias: [c_out]; None: none.

    Returns:
        [b, places, c_out].
    """
    if not has_wide_vectors(tokens):
        return F.linear(tokens, weight, bias)
    batch, places, channels = tokens.shape
    row = tokens.contiguous().view(batch, 1, places, channels).movedim(-1, 1)  # an image with its channels last
    return F.conv2d(row, weight[..., None, None], bias).movedim(1, -1).reshape(batch, places, -1)


def pointwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve [b, c, *space] with kernels [c_out, c, 1, ...] of length one, as torch's convolution does."""
    if not x.is_contiguous() or _suits_convolution(x, len(weight)):
        return CONVOLVED[x.ndim - 2](x, weight, bias)
    matrix = weight.flatten(1).expand(x.shape[0], -1, -1)
    return torch.baddbmm(bias[:, None], matrix, x.flatten(2)).view(x.shape[0], -1, *x.shape[2:])


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(d)) value, each [b, heads, places, d], as torch's scaled_dot_product_attention."""
    if query.device.type == "cpu" and query.dtype in LOW_PRECISION and key.shape[2] <= LONGEST_EXPLICIT:
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        return scores.softmax(-1) @ value
    return F.scaled_dot_product_attention(query, key, value)


def _suits_convolution(x: Tensor, out_channels: int) -> bool:
    """Whether oneDNN convolves x with kernels of length one faster than MKL multiplies matrices, backwards included."""
    return has_wide_vectors(x) and x.shape[2:].numel() <= MOST_PLACES and x.numel() * out_channels >= LEAST_WORK
