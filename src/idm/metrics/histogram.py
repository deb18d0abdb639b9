"""A baseline for bits/dim: how often each pixel has each level, by class, and nothing else."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.tensors import mean_flat, nats_to_bits

SMOOTHING = 0.5
"""Added to every count (Krichevsky & Trofimov 1981), so that no level is impossible."""


@final
class Histograms:
    """Independent histograms of every pixel: P(pixel = k) = (count_k + 1/2) / (n + levels / 2) after n samples.

    Samples are added a batch at a time, so that nobody has to hold them all.
    """

    def __init__(self, size: int, levels: int) -> None:
        """Begin with no samples, of ``size`` values each on ``levels`` equally spaced values in the model's range."""
        self._levels = levels
        self._counts = torch.full((size, levels), SMOOTHING, dtype=torch.float64)

    def add(self, x: Float[Tensor, "n c *space"]) -> None:
        """Count samples."""
        numbers = self._numbers(x)
        self._counts.scatter_add_(1, numbers, torch.ones_like(numbers, dtype=torch.float64))

    def bits_per_dim(self, x: Float[Tensor, "m c *space"]) -> Float[Tensor, " m"]:
        """Return the bits/dim of samples under what was counted."""
        log_probability = (self._counts / self._counts.sum(1, keepdim=True)).log()
        return -nats_to_bits(mean_flat(log_probability.gather(1, self._numbers(x)).T))

    def _numbers(self, x: Tensor) -> Int[Tensor, "d n"]:
        """Return the numbers of the levels."""
        flat = x.flatten(1).cpu().double()
        return torch.round((flat + 1.0) * (0.5 * (self._levels - 1))).long().clamp(0, self._levels - 1).T


def histogram_bpd(
    train: Float[Tensor, "n c *space"],
    train_labels: Int[Tensor, " n"] | None,
    held_out: Float[Tensor, "m c *space"],
    held_out_labels: Int[Tensor, " m"] | None,
    levels: int,
) -> Float[Tensor, " m"]:
    """Bits/dim of held-out data under independent histograms of every pixel, one per class where there are labels.

    Args:
        train: training data in the model's range, on the grid of ``levels`` equally spaced values.
        train_labels: classes, or None.
        held_out: data to score.
        held_out_labels: their classes, or None.
        levels: number of levels.

    Returns:
        One number per held-out sample.
    """
    known, asked = (
        torch.zeros(len(x), dtype=torch.int64) if y is None else y.cpu()
        for x, y in ((train, train_labels), (held_out, held_out_labels))
    )
    bits = torch.empty(len(held_out), dtype=torch.float64)
    for label in asked.unique():
        found = Histograms(held_out[0].numel(), levels)
        found.add(train[known == label])
        bits[asked == label] = found.bits_per_dim(held_out[asked == label])
    return bits
