"""The ways of training a network by several processes, by name."""

from collections.abc import Callable

from torch import nn

from idm.core.ranks import Ranks
from idm.training.spread import Alone, Replicated, Spread


def _replicated(network: nn.Module, ranks: Ranks) -> Spread:
    return Replicated(network)


def _sharded(network: nn.Module, ranks: Ranks) -> Spread:
    from idm.training.sharded import Sharded  # what it stands on takes a second to import

    return Sharded(network, ranks)


SPREADS: dict[str, Callable[[nn.Module, Ranks], Spread]] = {"none": _replicated, "fsdp2": _sharded}


def spread_over(ranks: Ranks, network: nn.Module, shard: str) -> Spread:
    """Spread a network, on its device, over the processes of a job.

    Args:
        ranks: the processes.
        network: the network.
        shard: "none": a copy in every process; "fsdp2": a part of every tensor in each.
    """
    return Alone(network) if ranks.size == 1 else SPREADS[shard](network, ranks)
