"""A network cut up over several processes, by PyTorch's ``fully_shard`` (FSDP2)."""

import copy
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from idm.core.ranks import Ranks
from idm.networks.needs import pieces_of
from idm.networks.size import device_of
from idm.training.spread import Spread


class Sharded(Spread):
    """A part of every tensor in every process; whole pieces of the network are put together when they are needed."""

    def __init__(self, network: nn.Module, ranks: Ranks) -> None:
        """Cut the network up, in place."""
        self.network = network
        self._device = device_of(network)
        self._template = copy.deepcopy(network).cpu() if ranks.is_main else nn.Module()
        for piece in pieces_of(network):
            fully_shard(piece)
        self._root: FSDPModule = fully_shard(network)
        self.training_network = network
        self._sharded = {name: value for name, value in network.named_parameters() if isinstance(value, DTensor)}
        self.parameters = {name: nn.Parameter(value.to_local().detach()) for name, value in self._sharded.items()}

    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        """Keep gradients here until the last micro-batch."""
        return self._synchronised(last=last)

    @contextmanager
    def _synchronised(self, *, last: bool) -> Generator[None]:
        self._root.set_requires_gradient_sync(last)
        yield

    def collect_gradients(self) -> list[Tensor]:
        """Give the parts the gradients of this step, and return them."""
        for name, value in self._sharded.items():
            gradient = value.grad
            self.parameters[name].grad = gradient.to_local() if isinstance(gradient, DTensor) else None
        return super().collect_gradients()

    def drop_gradients(self) -> None:
        """Forget the gradients, of parts and of the whole."""
        super().drop_gradients()
        for part in self.parameters.values():
            part.grad = None

    def total(self, sum_over_parts: Tensor, ranks: Ranks) -> Tensor:
        """Add up over the processes."""
        return ranks.sum(sum_over_parts)

    def values(self) -> dict[str, Tensor]:
        """Return the shards, and buffers as they are."""
        buffers = {name: value for name, value in super().values().items() if not isinstance(value, DTensor)}
        return {**self.parameters, **buffers}

    def whole(self, name: str, part: Tensor) -> Tensor:
        """Put the shards of a parameter, or of what has its shape, together."""
        like = self._sharded.get(name)
        if like is None:
            return part
        shards = DTensor.from_local(
            part.detach(), like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
        )
        return shards.full_tensor()

    def part(self, name: str, whole: Tensor) -> Tensor:
        """Cut this process's shard out; nothing is communicated, as every process has read the whole."""
        like = self._sharded.get(name)
        if like is None:
            return whole
        whole = whole.to(like.device)
        return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None).to_local()

    def plain_copy(self, *, on_host: bool = False) -> nn.Module:
        """Return a copy of what there was before the network was cut up; only the main process has one."""
        copied = copy.deepcopy(self._template)
        return copied if on_host else copied.to(self._device)
