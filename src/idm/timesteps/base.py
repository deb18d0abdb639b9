"""Which steps to train on.

A timestep sampler draws t with probability proportional to its weights and returns importance weights
1 / (T p_t), so that the weighted loss keeps its expectation whatever the weights are.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from idm.core.rng import Rng


class TimestepSampler(ABC):
    """A distribution over the steps [0, T), which may follow the losses it is told.

    Attributes:
        learns: whether ``update`` changes anything; if not, losses need not be gathered for it.
    """

    learns: ClassVar[bool]

    def __init__(self, num_timesteps: int) -> None:
        """Remember T."""
        self.num_timesteps = num_timesteps

    @abstractmethod
    def weights(self) -> Tensor:
        """Return unnormalised probabilities of the steps, float64 [T], all positive, on the CPU."""

    @abstractmethod
    def update(self, t: Tensor, loss: Tensor) -> None:
        """Take account of the unweighted loss of each sample: t int64 [b], loss [b]."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold to continue exactly."""

    @abstractmethod
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what ``state`` returned."""

    def draw(self, rng: Rng, step: int) -> tuple[Tensor, Tensor]:
        """Draw a step per sample, as a function of its seed and the training step.

        Args:
            rng: one seed per sample of the batch.
            step: training step.

        Returns:
            t, int64 [b], and its importance weight 1 / (T p_t), float32 [b].
        """
        device = rng.seeds.device
        probability = self.weights()
        probability = probability / probability.sum()
        position = rng.uniform("t", step).flatten()
        edges = probability.cumsum(0).to(device, position.dtype)
        t = torch.searchsorted(edges, position, right=True).clamp_(max=self.num_timesteps - 1)
        importance = 1.0 / (self.num_timesteps * probability)
        return t, importance.to(device, torch.float32).index_select(0, t)
