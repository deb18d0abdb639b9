"""Importance sampling of the bound (Nichol & Dhariwal 2021, section 3.3)."""

from typing import ClassVar

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.timesteps.base import TimestepSampler

LARGEST_HISTORY = 2**23
"""Losses that are remembered in all: 64 MiB."""


class LossSecondMoment(TimestepSampler):
    """p_t proportional to sqrt(E[loss_t^2]), estimated from the last losses of each step.

    Uniform until every step has a full history.
    """

    learns: ClassVar[bool] = True

    def __init__(self, num_timesteps: int, *, history_per_term: int = 10, uniform_prob: float = 0.001) -> None:
        """Start with an empty history.

        Args:
            num_timesteps: T.
            history_per_term: how many losses to remember of each step; 2^23 in all at most.
            uniform_prob: share of the uniform distribution mixed in, so that no step is forgotten; in (0, 1].
        """
        super().__init__(num_timesteps)
        if history_per_term < 1 or not 0.0 < uniform_prob <= 1.0:
            raise SettingsError(
                "timesteps: history_per_term of at least 1 and uniform_prob in (0, 1] wanted, "
                f"got {history_per_term} and {uniform_prob}"
            )
        if num_timesteps * history_per_term > LARGEST_HISTORY:
            raise SettingsError(
                f"history_per_term: at most {LARGEST_HISTORY // num_timesteps:,} wanted for {num_timesteps:,} steps, "
                f"got {history_per_term:,}; remember fewer losses"
            )
        self.uniform_prob = uniform_prob
        self._losses = torch.zeros(num_timesteps, history_per_term, dtype=torch.float64)
        self._counts = torch.zeros(num_timesteps, dtype=torch.int64)

    def weights(self) -> Tensor:
        """Return the root mean square of each step's losses, mixed with the uniform distribution."""
        if not bool((self._counts >= self._losses.shape[1]).all()):
            return torch.ones(self.num_timesteps, dtype=torch.float64)
        rms = self._losses.square().mean(1).sqrt()
        total = rms.sum()
        if not total > 0:
            return torch.ones(self.num_timesteps, dtype=torch.float64)
        return (1.0 - self.uniform_prob) * rms / total + self.uniform_prob / self.num_timesteps

    def update_with_losses(self, t: Tensor, loss: Tensor) -> None:
        """Add losses to the histories, oldest out first; a step may occur several times in a batch.

        Losses that are not finite are left out.
        """
        steps, values = t.cpu(), loss.detach().double().cpu()
        finite = torch.isfinite(values)
        steps, values = steps[finite], values[finite]
        order = torch.argsort(steps, stable=True)
        steps, values = steps[order], values[order]
        repeat = torch.arange(len(steps)) - torch.searchsorted(steps, steps)
        history = self._losses.shape[1]
        occurrences = torch.bincount(steps, minlength=self.num_timesteps)
        newest = repeat >= occurrences[steps] - history
        slot = (self._counts[steps] + repeat) % history
        self._losses[steps[newest], slot[newest]] = values[newest]
        self._counts += occurrences

    def state(self) -> dict[str, Tensor]:
        """Return the histories."""
        return {"losses": self._losses.clone(), "counts": self._counts.clone()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore the histories.

        Raises:
            ValueError: histories of other steps, or losses that are not finite.
        """
        losses, counts = state["losses"], state["counts"]
        if losses.shape != self._losses.shape or counts.shape != self._counts.shape:
            raise ValueError(f"timesteps: a history of {tuple(self._losses.shape)} wanted, got {tuple(losses.shape)}")
        if not bool(torch.isfinite(losses).all()) or bool((counts < 0).any()):
            raise ValueError("timesteps: finite losses and counts of at least 0 wanted")
        self._losses.copy_(state["losses"])
        self._counts.copy_(state["counts"])
