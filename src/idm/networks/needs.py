"""What training has to know of a network, as the network says it; a network that says nothing needs nothing."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class TakesDropoutSeeds(Protocol):
    """A network whose dropout is a function of a seed per sample, ``network(x, time, dropout_seeds=seeds)``."""

    @property
    def uses_dropout_seeds(self) -> bool:
        """Whether it has dropout, so that seeds make a difference."""
        ...


@runtime_checkable
class InPieces(Protocol):
    """A network of which pieces may lie on other devices until they are needed."""

    def pieces(self) -> Iterable[nn.Module]:
        """Return modules that are called one after another."""
        ...


def uses_dropout_seeds(network: nn.Module) -> bool:
    """Whether a network wants a seed per sample for its dropout."""
    return isinstance(network, TakesDropoutSeeds) and network.uses_dropout_seeds


def pieces_of(network: nn.Module) -> list[nn.Module]:
    """Return the pieces that are cut up on their own; none where it is cut up as a whole."""
    return list(network.pieces()) if isinstance(network, InPieces) else []
