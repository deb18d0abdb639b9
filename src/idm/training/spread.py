"""How a network is trained by several processes: a copy in each (DDP), or a part of every tensor in each (FSDP2).

The optimiser, the averages and the gradient norm work on plain tensors, this process's ``parts`` of the parameters:
all of them, or its shards. Checkpoints hold whole tensors, so that they fit any number of processes.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from idm.core.ranks import Ranks


class Spread(ABC):
    """A network in training, over the processes of a job.

    Attributes:
        network: the network whose state a checkpoint holds.
        training_network: what a training step calls; gradients are averaged over the processes.
        parameters: this process's part of every parameter, by name; its ``grad`` is valid after ``collect_gradients``.
    """

    network: nn.Module
    training_network: nn.Module
    parameters: dict[str, nn.Parameter]

    @abstractmethod
    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        """Surround a micro-batch; gradients travel between processes only in the ``last`` one of a step."""

    def collect_gradients(self) -> list[Tensor]:
        """Give the parts the gradients of this step, and return them."""
        return [part.grad for part in self.parameters.values() if part.grad is not None]

    def drop_gradients(self) -> None:
        """Forget the gradients."""
        self.network.zero_grad(set_to_none=True)

    def total(self, sum_over_parts: Tensor, ranks: Ranks) -> Tensor:
        """Return a sum over all elements of the network from the sum over this process's part of it."""
        return sum_over_parts

    def values(self) -> dict[str, Tensor]:
        """Return this process's part of every tensor of the network's state, by name."""
        return self.network.state_dict(keep_vars=True)

    def whole(self, name: str, part: Tensor) -> Tensor:
        """Return a tensor in full, on every process, from the parts of it; ``name`` is that of a parameter."""
        return part

    def part(self, name: str, whole: Tensor) -> Tensor:
        """Return this process's part of a tensor in full."""
        return whole

    def plain_copy(self, *, on_host: bool = False) -> nn.Module:
        """Return a copy of the network in full, for evaluation by a single process; its weights are yet to be set.

        Args:
            on_host: make it on the host, not on the device.
        """
        return copy_on_host(self.network) if on_host else copy.deepcopy(self.network)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Set the network's state.

        Raises:
            KeyError: names that are not the network's.
            RuntimeError: other shapes.
        """
        values = self.values()
        if names := values.keys() ^ weights.keys():
            raise KeyError(f"weights: other names than the network's: {', '.join(sorted(names)[:3])}")
        in_full = self.network.state_dict(keep_vars=True)
        for name, value in values.items():
            value.copy_(self.part(name, _same_shape(name, weights[name], in_full[name])))


class Alone(Spread):
    """One process."""

    def __init__(self, network: nn.Module) -> None:
        """Train the network as it is."""
        self.network, self.training_network = network, network
        self.parameters = dict(network.named_parameters())

    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        """Do nothing."""
        return nullcontext()


class Replicated(Spread):
    """A copy of the network in every process; gradients are averaged while the backward pass goes on."""

    def __init__(self, network: nn.Module) -> None:
        """Give every process the main one's weights."""
        self.network = network
        self.parameters = dict(network.named_parameters())
        self._replica = DistributedDataParallel(network, gradient_as_bucket_view=True)
        self.training_network = self._replica

    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        """Keep gradients here until the last micro-batch."""
        return nullcontext() if last else self._replica.no_sync()


def copy_on_host(network: nn.Module) -> nn.Module:
    """Return a copy with the buffers of the network and weights that are yet to be set; the device is not touched."""
    replaced: dict[int, Any] = {id(value): value.detach().to("cpu", copy=True) for value in network.buffers()}
    for value in network.parameters():
        replaced[id(value)] = nn.Parameter(torch.empty_like(value, device="cpu"), requires_grad=value.requires_grad)
    return copy.deepcopy(network, replaced)


def whole_tensors(spread: Spread, ranks: Ranks, parts: Iterable[tuple[str, str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors in full, on the main process's host, and nothing on the others; all must call it.

    Args:
        spread: where the parts come from.
        ranks: the processes.
        parts: name to return, name of the parameter whose shape it has, and this process's part.
    """
    found: dict[str, Tensor] = {}
    for name, parameter, part in parts:
        whole = spread.whole(parameter, part)
        if ranks.is_main:
            found[name] = whole.detach().cpu()
    return found


def _same_shape(name: str, value: Tensor, wanted: Tensor) -> Tensor:
    if value.shape != wanted.shape:
        raise RuntimeError(f"weights: {name} of shape {tuple(wanted.shape)} wanted, got {tuple(value.shape)}")
    return value
