"""Where there are several ways to the same values: the one whose kernels are fast on the processor at hand."""

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.networks.layers import CONVOLVED, convolution

WIDE_VECTORS = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
"""Whether oneDNN, which convolves, has kernels for vectors of 512 bits here. MKL, which multiplies matrices, has them
for its own maker's processors only, and can be half as fast on others."""

FEWEST_PLACES_LAST = 1024
"""From so many places on, torch's group norm of images with their channels last is about as fast as of others."""

MOST_PLACES, LEAST_WORK = 256, 2**24
"""Up to so many places, and from so many products on, kernels of length one are best convolved."""


def fast_layout(x: Tensor) -> torch.memory_format:
    """Return in which order the network had best keep features of x's size and place."""
    if x.ndim != 4:
        return torch.contiguous_format
    calls_only = not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    suits_cpu = calls_only and _has_wide_vectors(x) and x.shape[2:].numel() >= FEWEST_PLACES_LAST
    return torch.channels_last if x.is_cuda or suits_cpu else torch.contiguous_format


def linear(tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return tokens weight^T + bias.

    Args:
        tokens: features [b, places, c].
        weight: [c_out, c].
        bias: [c_out]; None: none.

    Returns:
        [b, places, c_out].
    """
    if not _has_wide_vectors(tokens):
        return F.linear(tokens, weight, bias)
    batch, places, channels = tokens.shape
    row = tokens.contiguous().view(batch, 1, places, channels).movedim(-1, 1)  # an image with its channels last
    return F.conv2d(row, weight[..., None, None], bias).movedim(1, -1).reshape(batch, places, -1)


class Pointwise(nn.Module):
    """A convolution with a kernel of length one, as a product of matrices where that is the faster."""

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, dims: int, in_channels: int, out_channels: int) -> None:
        """Map ``in_channels`` to ``out_channels`` at every place."""
        super().__init__()
        for name, parameter in convolution(dims, in_channels, out_channels, 1).named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, *space] -> [b, c_out, *space]."""
        if not x.is_contiguous() or _suits_convolution(x, len(self.weight)):
            return CONVOLVED[x.ndim - 2](x, self.weight, self.bias)
        matrix = self.weight.flatten(1).expand(x.shape[0], -1, -1)
        return torch.baddbmm(self.bias[:, None], matrix, x.flatten(2)).view(x.shape[0], -1, *x.shape[2:])


def _suits_convolution(x: Tensor, out_channels: int) -> bool:
    """Whether oneDNN convolves x with kernels of length one faster than MKL multiplies matrices, backwards included."""
    return _has_wide_vectors(x) and x.shape[2:].numel() <= MOST_PLACES and x.numel() * out_channels >= LEAST_WORK


def _has_wide_vectors(x: Tensor) -> bool:
    """Whether oneDNN has its widest kernels for x's place and format."""
    return WIDE_VECTORS and x.device.type == "cpu" and x.dtype == torch.float32
