"""Many samples through a function, some at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from idm.core.tensors import require_finite
from idm.diffusion import Denoiser

Carry = Callable[[Tensor, Denoiser], Tensor]


def in_batches(
    carry: Carry, x: Tensor, denoise: Denoiser, batch_size: int, device: torch.device, *, what: str
) -> Tensor:
    """Apply ``carry`` to batches of samples with their denoiser; the results together, on the CPU.

    Args:
        carry: given samples and their denoiser.
        x: all samples.
        denoise: the denoiser of them all.
        batch_size: samples at a time.
        device: where they are carried.
        what: what the results are, plural.

    Raises:
        NumericalError: results are not finite.
    """
    parts: list[Tensor] = []
    for rows in torch.arange(len(x)).split(batch_size):
        carried = carry(x[rows].to(device), denoise.select(rows))
        parts.append(require_finite(carried.cpu(), what))
    return torch.cat(parts)
