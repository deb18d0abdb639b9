"""The norm of the whole gradient, and clipping."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def gradient_norm(
    parameters: Sequence[Tensor],
    largest: float,
    *,
    inverse_scale: Tensor | float = 1.0,
    total: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the norm of the gradient; take a scale out of it, and scale it down to ``largest`` where it exceeds that.

    Args:
        parameters: their gradients are looked at, and changed in place.
        largest: largest norm; 0: no clipping.
        inverse_scale: what the gradients are to be multiplied by before that.
        total: makes the sum over all processes of the sum of squares over this one's parts; None: there is one process.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    vectors, others = [g for g in gradients if g.ndim <= 1], [g for g in gradients if g.ndim > 1]
    if vectors:  # the many small ones as one: on a CPU every norm has a cost of its own
        others.append(torch.cat([vector.flatten() for vector in vectors]))
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(others)))  # pyright: ignore[reportPrivateImportUsage]
    if total is not None:
        norm = total(norm.square()).sqrt()
    norm = norm * inverse_scale
    factor = (largest / (norm + 1e-6)).clamp(max=1.0) * inverse_scale if largest > 0 else inverse_scale
    if not isinstance(factor, float):
        torch._foreach_mul_(gradients, factor)  # pyright: ignore[reportPrivateImportUsage]
    return norm
