"""Exponential moving averages of the weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Averages of all floating-point parameters and buffers, at several rates.

    At update n the rate is at most (1 + n) / (10 + n), so that the start of training is forgotten soon
    whatever the rate is.
    """

    def __init__(self, network: nn.Module, rates: Sequence[float]) -> None:
        """Start every average at the network's weights."""
        self.rates = tuple(rates)
        self.num_updates = 0
        self._live = _floating(network)
        self._averages = [[value.detach().clone() for value in self._live.values()] for _ in self.rates]

    @torch.no_grad()
    def update(self) -> None:
        """Move every average towards the network's present weights."""
        self.num_updates += 1
        live = list(self._live.values())
        for rate, average in zip(self.rates, self._averages, strict=True):
            weight = 1.0 - min(rate, (1 + self.num_updates) / (10 + self.num_updates))
            torch._foreach_lerp_(average, live, weight)  # pyright: ignore[reportPrivateImportUsage]

    def state(self, index: int) -> dict[str, Tensor]:
        """Averaged weights by name, at rate ``rates[index]``."""
        return dict(zip(self._live, self._averages[index], strict=True))

    @torch.no_grad()
    def load_state(self, index: int, state: dict[str, Tensor]) -> None:
        """Restore one average; the names must be the network's."""
        _copy(self._averages[index], [state[name] for name in self._live])

    @torch.no_grad()
    def copy_to(self, network: nn.Module, index: int = 0) -> None:
        """Give a network of the same architecture the averaged weights."""
        _copy(list(_floating(network).values()), self._averages[index])


def _floating(network: nn.Module) -> dict[str, Tensor]:
    state = network.state_dict(keep_vars=True)
    return {name: value for name, value in state.items() if value.is_floating_point()}


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    torch._foreach_copy_(targets, sources)  # pyright: ignore[reportPrivateImportUsage]
