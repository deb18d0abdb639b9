"""Many samples through a function, some at a time."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from idm.core.tensors import require_finite

Carry = Callable[[Tensor, dict[str, Tensor]], Tensor]


def in_batches(
    carry: Carry, x: Tensor, kwargs: Mapping[str, Tensor], batch_size: int, device: torch.device, *, what: str
) -> Tensor:
    """Apply ``carry`` to batches of samples with their conditioning; the results together, on the CPU.

    Args:
        carry: given samples and their conditioning.
        x: all samples.
        kwargs: their conditioning.
        batch_size: samples at a time.
        device: where they are carried.
        what: what the results are, plural.

    Raises:
        NumericalError: results are not finite.
    """
    parts: list[Tensor] = []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        carried = carry(x[rows].to(device), {name: value[rows] for name, value in kwargs.items()})
        parts.append(require_finite(carried.cpu(), what))
    return torch.cat(parts)
