"""What the processor at hand is good at."""

import torch
from torch import Tensor

WIDE_VECTORS = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
"""Whether oneDNN, which convolves, has kernels for vectors of 512 bits here. MKL, which multiplies matrices, has them
for its own maker's processors only, and can be half as fast on others."""

FEWEST_PLACES_LAST = 1024
"""Fewest places of images whose channels lie last: of fewer, torch's group norm is slower than of others."""


def has_wide_vectors(x: Tensor) -> bool:
    """Whether oneDNN has its widest kernels for x's place and format."""
    return WIDE_VECTORS and x.device.type == "cpu" and x.dtype == torch.float32


def fast_layout(x: Tensor) -> torch.memory_format:
    """Return in which order the network had best keep features of x's size and place; contiguous is always right."""
    if x.ndim != 4:
        return torch.contiguous_format
    calls_only = not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    suits_cpu = calls_only and has_wide_vectors(x) and x.shape[2:].numel() >= FEWEST_PLACES_LAST
    return torch.channels_last if x.is_cuda or suits_cpu else torch.contiguous_format
