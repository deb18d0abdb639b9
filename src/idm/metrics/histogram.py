"""A baseline for bits/dim: how often each pixel has each level, by class, and nothing else."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.tensors import mean_flat, nats_to_bits

SMOOTHING = 0.5
"""Added to every count (Krichevsky & Trofimov 1981), so that no level is impossible."""


def histogram_bpd(
    train: Float[Tensor, "n c *space"],
    train_labels: Int[Tensor, " n"] | None,
    held_out: Float[Tensor, "m c *space"],
    held_out_labels: Int[Tensor, " m"] | None,
    levels: int,
) -> Float[Tensor, " m"]:
    """Bits/dim of held-out data under independent histograms of every pixel, one per class where there are labels.

    P(pixel = k) = (count_k + 1/2) / (n + levels / 2), counted over the training samples of the class.

    Args:
        train: training data in the model's range, on the grid of ``levels`` equally spaced values.
        train_labels: classes, or None.
        held_out: data to score.
        held_out_labels: their classes, or None.
        levels: number of levels.

    Returns:
        One number per held-out sample.
    """
    known, asked = _levels(train, levels), _levels(held_out, levels)
    classes = torch.zeros(len(known), dtype=torch.int64) if train_labels is None else train_labels.cpu()
    asked_classes = torch.zeros(len(asked), dtype=torch.int64) if held_out_labels is None else held_out_labels.cpu()
    bits = torch.empty(len(asked), dtype=torch.float64)
    for label in asked_classes.unique():
        of_class = known[classes == label]
        counts = torch.full((known.shape[1], levels), SMOOTHING, dtype=torch.float64)
        counts.scatter_add_(1, of_class.T, torch.ones_like(of_class.T, dtype=torch.float64))
        log_probability = (counts / counts.sum(1, keepdim=True)).log()
        chosen = asked_classes == label
        bits[chosen] = -nats_to_bits(mean_flat(log_probability.gather(1, asked[chosen].T).T))
    return bits


def _levels(x: Tensor, levels: int) -> Tensor:
    """Numbers of the levels, int64 [n, d]."""
    return torch.round((x.flatten(1).cpu().double() + 1.0) * (0.5 * (levels - 1))).long().clamp(0, levels - 1)
