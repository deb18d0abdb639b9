"""Weighted samples of one posterior each, and drawing from them."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.tensors import widest


@final
@dataclass(frozen=True, eq=False)
class Particles:
    """Samples with weights, for each observation.

    Attributes:
        samples: [b, p, c, *space].
        x_start: x_0 that was found for each, likewise; the samples themselves at the end.
        log_weights: of each since they were last resampled [b, p].
        log_before: log of the mean weight at each resampling so far, summed up [b].
    """

    samples: Float[Tensor, "b p c *space"]
    x_start: Float[Tensor, "b p c *space"]
    log_weights: Float[Tensor, "b p"]
    log_before: Float[Tensor, " b"]

    @property
    def weights(self) -> Float[Tensor, "b p"]:
        """Weights whose sum is 1 for each observation, float64 where the device has it."""
        return torch.softmax(self.log_weights.to(widest(self.log_weights.device)), dim=1)

    @property
    def log_evidence(self) -> Float[Tensor, " b"]:
        """Log of the estimate of p(o), up to a constant that operator and noise decide [b].

        The estimate is without bias (Del Moral 2004, section 7.4): the product of the mean weights at all resamplings
        and in the end. So differences between denoisers, such as those told another class, say which one explains the
        observation.
        """
        return self.log_before + log_mean(self.log_weights)

    @property
    def effective(self) -> Float[Tensor, " b"]:
        """Effective sample size as a share of the particles, (sum w)^2 / (p sum w^2); 1 where all weigh the same."""
        return 1.0 / (self.weights.square().sum(1) * self.weights.shape[1])

    def draw(self, number: int, uniform: Float[Tensor, "b 1"]) -> Float[Tensor, "b n c *space"]:
        """Draw some of them systematically, by one number in [0, 1) for each observation."""
        chosen = systematic(self.weights, uniform, number)
        return torch.stack([samples[rows] for samples, rows in zip(self.samples, chosen, strict=True)])


def log_mean(log_weights: Float[Tensor, "b p"]) -> Float[Tensor, " b"]:
    """Return the log of the mean of weights [b], float64 where the device has it."""
    return log_weights.to(widest(log_weights.device)).logsumexp(1) - math.log(log_weights.shape[1])


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
