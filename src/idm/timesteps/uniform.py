"""Every step equally often."""

from typing import ClassVar

import torch
from torch import Tensor

from idm.timesteps.base import TimestepSampler


class UniformTimesteps(TimestepSampler):
    """The uniform distribution; all importance weights are 1."""

    learns: ClassVar[bool] = False

    def weights(self) -> Tensor:
        """Return ones."""
        return torch.ones(self.num_timesteps, dtype=torch.float64)

    def update_with_losses(self, t: Tensor, loss: Tensor) -> None:
        """Learn nothing."""

    def state(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore nothing."""
