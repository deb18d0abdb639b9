"""Dropout whose choices belong to the sample, not to the batch or the process that it is in."""

import torch
import torch.nn.functional as F  # noqa: N812 (the field's name)
from torch import Tensor, nn

from idm.core.rng import Rng

DENOMINATOR = 2**16
"""The probability is a multiple of 1 / DENOMINATOR: each random word decides on four values."""


class Dropout(nn.Module):
    """Sets values to zero with probability p and divides the others by 1 - p (Srivastava et al. 2014).

    Attributes:
        p: the probability.
        layer: number of the layer, which tells its choices from those of other layers.
    """

    def __init__(self, p: float) -> None:
        """Hold the probability, from 0 to below 1."""
        super().__init__()
        self.p, self.layer = p, 0

    def forward(self, x: Tensor, seeds: Tensor | None = None) -> Tensor:
        """Drop values of x [b, ...] in training; the choice is a function of each sample's seed and of the layer.

        Args:
            x: features.
            seeds: a seed per sample, int64 [b]; None: choices come from torch's own generator.
        """
        if self.p == 0.0 or not self.training:
            return x
        if seeds is None:
            return F.dropout(x, self.p)
        dropped, count = round(self.p * DENOMINATOR), x[0].numel()
        words = Rng(seeds).bits("dropout", self.layer, -(-count // 4))
        kept = words.view(torch.int16)[:, :count] >= dropped - DENOMINATOR // 2
        return x * kept.view(x.shape) * (DENOMINATOR / (DENOMINATOR - dropped))


def number_layers(network: nn.Module) -> None:
    """Give every dropout layer of a network a number of its own."""
    for number, layer in enumerate(module for module in network.modules() if isinstance(module, Dropout)):
        layer.layer = number
