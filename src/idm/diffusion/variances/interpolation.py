"""Numbers that are known at some noise levels, looked up at others."""

import torch
from torch import Tensor


def interpolated(known: Tensor, values: Tensor, log_kappa: Tensor) -> Tensor:
    """Return values at levels, linear in log_kappa between those that are known, and beyond them that of the nearest.

    Args:
        known: logarithms of noise-to-signal ratios [k], growing.
        values: what is known there [k, *shape]; the shape is none, or that of a sample.
        log_kappa: of levels: a single number without axes, or one for each sample, [b, 1, ...] with as many axes as
            the data have.

    Returns:
        [*shape] where log_kappa has no axes, else [b, *shape]; of log_kappa's shape where values have no further axes.
    """
    above = torch.bucketize(log_kappa, known).clamp(min=1, max=max(1, len(known) - 1))
    above, below = above.clamp(max=len(known) - 1), above - 1
    start, length = known.take(below), known.take(above) - known.take(below)
    share = ((log_kappa - start) / torch.where(length > 0, length, 1.0)).clamp(0.0, 1.0)
    if values.ndim == 1:
        return torch.lerp(values.take(below), values.take(above), share)
    # One level for each sample, which every value of a sample shares; an index without axes would be read by the host.
    low, high = (values.index_select(0, rows.flatten()) for rows in (below, above))
    return torch.lerp(*((low, high) if log_kappa.ndim > 0 else (low[0], high[0])), share)
