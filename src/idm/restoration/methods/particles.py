"""Weighted samples of one posterior each, and drawing from them."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor


@final
@dataclass(frozen=True, eq=False)
class Particles:
    """Samples with weights, for each observation.

    Attributes:
        samples: [b, p, c, *space].
        x_start: x_0 that was found for each, likewise; the samples themselves at the end.
        log_weights: of each, up to a constant of each observation [b, p].
    """

    samples: Float[Tensor, "b p c *space"]
    x_start: Float[Tensor, "b p c *space"]
    log_weights: Float[Tensor, "b p"]

    @property
    def weights(self) -> Float[Tensor, "b p"]:
        """Weights whose sum is 1 for each observation, float64."""
        return torch.softmax(self.log_weights.double(), dim=1)

    @property
    def effective(self) -> Float[Tensor, " b"]:
        """Effective sample size as a share of the particles, (sum w)^2 / (p sum w^2); 1 where all weigh the same."""
        return 1.0 / (self.weights.square().sum(1) * self.weights.shape[1])

    def draw(self, number: int, uniform: Float[Tensor, "b 1"]) -> Float[Tensor, "b n c *space"]:
        """Draw some of them systematically, by one number in [0, 1) for each observation."""
        chosen = systematic(self.weights, uniform, number)
        return torch.stack([samples[rows] for samples, rows in zip(self.samples, chosen, strict=True)])


def systematic(weights: Float[Tensor, "b p"], uniform: Float[Tensor, "b 1"], number: int) -> Int[Tensor, "b n"]:
    """Choose particles with a probability that is their weight, as evenly as one uniform number can.

    Particle j comes floor or ceil of number * w_j times (Kitagawa 1996; Douc & Cappe 2005).

    Args:
        weights: whose sums are 1.
        uniform: in [0, 1).
        number: how many are chosen.
    """
    steps = torch.arange(number, device=weights.device, dtype=weights.dtype)
    places = (uniform.to(weights) + steps) / number
    return torch.searchsorted(weights.cumsum(1), places.contiguous(), right=True).clamp(max=weights.shape[1] - 1)
