"""Every step equally often."""

from typing import final

import torch
from torch import Tensor

from idm.timesteps.fixed import FixedTimesteps


@final
class UniformTimesteps(FixedTimesteps):
    """The uniform distribution; all importance weights are 1."""

    def weights(self) -> Tensor:
        """Return ones."""
        return torch.ones(self.num_timesteps, dtype=torch.float64)
