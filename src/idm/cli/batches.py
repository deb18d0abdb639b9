"""Many samples through a function, some at a time."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Carry = Callable[[Tensor, dict[str, Tensor]], Tensor]


def in_batches(carry: Carry, x: Tensor, kwargs: Mapping[str, Tensor], batch_size: int, device: torch.device) -> Tensor:
    """Apply ``carry`` to batches of samples with their conditioning; the results together, on the CPU."""
    parts: list[Tensor] = []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        parts.append(carry(x[rows].to(device), {name: value[rows] for name, value in kwargs.items()}).cpu())
    return torch.cat(parts)
