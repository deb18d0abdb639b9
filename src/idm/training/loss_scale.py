"""Scaling of the loss, so that gradients do not vanish in float16 (Micikevicius et al. 2018, section 3.2)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

FIRST, LARGEST, GROWTH_INTERVAL = 2.0**16, 2.0**24, 2_000


class LossScale(ABC):
    """A factor on the loss before the backward pass, taken out of the gradients after it."""

    @abstractmethod
    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss times the factor."""

    @abstractmethod
    def inverse(self) -> Tensor | float:
        """Return 1 / factor, which gradients are to be multiplied by."""

    @abstractmethod
    def overflow(self, loss: Tensor, norm: Tensor) -> Tensor:
        """Return whether a gradient that is not finite only means that the factor is too large; on the device."""

    @abstractmethod
    def update(self, bad: Tensor) -> None:
        """Adapt the factor to whether the gradient was not finite, without reading that from the device."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return JSON-able values for a checkpoint."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` returned."""


class Unscaled(LossScale):
    """The factor 1, for float32 and bfloat16."""

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss."""
        return loss

    def inverse(self) -> Tensor | float:
        """Return 1."""
        return 1.0

    def overflow(self, loss: Tensor, norm: Tensor) -> Tensor:
        """Return no."""
        return torch.zeros_like(norm, dtype=torch.bool)

    def update(self, bad: Tensor) -> None:
        """Learn nothing."""

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore nothing."""


UNSCALED = Unscaled()


class DynamicLossScale(LossScale):
    """As large a factor as float16 bears: halved where a gradient overflows, doubled after 2,000 steps without."""

    def __init__(self, device: torch.device) -> None:
        """Start at 65,536."""
        self._factor = torch.full((), FIRST, device=device)
        self._good_steps = torch.zeros((), device=device)

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss times the factor."""
        return loss * self._factor

    def inverse(self) -> Tensor | float:
        """Return 1 / factor."""
        return 1.0 / self._factor

    def overflow(self, loss: Tensor, norm: Tensor) -> Tensor:
        """Return whether the loss is finite, the gradient is not, and the factor can still be halved."""
        return torch.isfinite(loss) & ~torch.isfinite(norm) & (self._factor > 1.0)

    def update(self, bad: Tensor) -> None:
        """Halve the factor, not below 1, or double it after a long time."""
        self._good_steps = torch.where(bad > 0, 0.0, self._good_steps + 1)
        grown = torch.where(self._good_steps >= GROWTH_INTERVAL, (self._factor * 2).clamp(max=LARGEST), self._factor)
        self._factor = torch.where(bad > 0, (self._factor / 2).clamp(min=1.0), grown)
        self._good_steps = torch.where(self._good_steps >= GROWTH_INTERVAL, 0.0, self._good_steps)

    def state(self) -> dict[str, Any]:
        """Return the factor and the number of steps since it changed."""
        return {"factor": float(self._factor), "good_steps": float(self._good_steps)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore them.

        Raises:
            ValueError: no factor that a run can have.
        """
        if not (1.0 <= state["factor"] <= LARGEST and state["good_steps"] >= 0.0):
            raise ValueError(f"loss scale: a factor from 1 to {LARGEST:g} wanted, got {state['factor']!r}")
        self._factor.fill_(state["factor"])
        self._good_steps.fill_(state["good_steps"])


def _unscaled(device: torch.device) -> LossScale:
    return UNSCALED


LOSS_SCALES: dict[str, Callable[[torch.device], LossScale]] = {
    "float32": _unscaled,
    "bfloat16": _unscaled,
    "float16": DynamicLossScale,
}
"""What each number format inside the network needs."""
