"""Distributions over steps that no loss changes."""

from typing import ClassVar

from torch import Tensor

from idm.timesteps.base import TimestepSampler


class FixedTimesteps(TimestepSampler):
    """A distribution that learns nothing."""

    learns: ClassVar[bool] = False

    def update_with_losses(self, t: Tensor, loss: Tensor) -> None:
        """Learn nothing."""

    def state(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore nothing."""
