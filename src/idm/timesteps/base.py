"""Which steps of a chain to train on.

A timestep sampler draws t with probability proportional to its weights and returns importance weights
1 / (T p_t), so that the weighted loss keeps its expectation whatever the weights are; a density that is to change what
is minimised has importance 1.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.schedules import Grid
from idm.timesteps.level_sampler import Drawn, LevelSampler


class TimestepSampler(LevelSampler):
    """A distribution over the steps [0, T), which may follow the losses it is told."""

    def __init__(self, num_timesteps: int) -> None:
        """Remember T."""
        self.num_timesteps = num_timesteps

    @property
    def restores_uniform(self) -> bool:
        """Whether importance weights undo what the distribution does to the expected loss."""
        return True

    @abstractmethod
    def weights(self) -> Tensor:
        """Return unnormalised probabilities of the steps, float64 [T], all positive, on the CPU."""

    @abstractmethod
    def update_with_losses(self, t: Tensor, loss: Tensor) -> None:
        """Take account of the loss of each sample, before importance: t int64 [b], loss [b]."""

    def update(self, drawn: Drawn, loss: Tensor) -> None:
        """Take account of the losses by their steps."""
        self.update_with_losses(drawn.t, loss)

    def draw_levels(self, rng: Rng, step: int, grid: Grid) -> Drawn:
        """Draw steps, and look their levels up."""
        t, importance = self.draw(rng, step)
        return Drawn(grid.level(t, torch.empty(0, dtype=torch.float64)), t, importance)

    def draw(self, rng: Rng, step: int) -> tuple[Tensor, Tensor]:
        """Draw a step per sample, as a function of its seed and the training step.

        Args:
            rng: one seed per sample of the batch.
            step: training step.

        Returns:
            t, int64 [b], and its importance weight 1 / (T p_t), float32 [b]; 1 where the uniform is not restored.
        """
        device = rng.seeds.device
        probability = self.weights()
        probability = probability / probability.sum()
        position = rng.uniform("t", step).flatten()
        edges = probability.cumsum(0).to(device, position.dtype)
        t = torch.searchsorted(edges, position, right=True).clamp_(max=self.num_timesteps - 1)
        if not self.restores_uniform:
            return t, torch.ones_like(t, dtype=torch.float32)
        importance = 1.0 / (self.num_timesteps * probability)
        return t, importance.to(device, torch.float32).index_select(0, t)
