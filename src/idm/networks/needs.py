"""What training has to know of a network, as the network says it; a network that says nothing needs nothing."""

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

CONDITION = "condition"
"""What a network's argument for conditions is called, and the option of callers."""

MeanOf = Callable[[Tensor, tuple[int, ...]], Tensor]
"""Given conditions, one for each sample, and the shape [c, *space] of samples: the mean of samples under each."""


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


@runtime_checkable
class OfResiduals(Protocol):
    """A network of what is left of samples when their mean given a condition is taken off."""

    def mean_of(self, condition: Tensor, shape: tuple[int, ...], /) -> Tensor:
        """Return the mean of samples of a shape [c, *space] given conditions, one for each."""
        ...


def uses_dropout_seeds(network: nn.Module) -> bool:
    """Whether a network wants a seed per sample for its dropout."""
    return isinstance(network, TakesDropoutSeeds) and network.uses_dropout_seeds


def pieces_of(network: nn.Module) -> list[nn.Module]:
    """Return the pieces that are cut up on their own; none where it is cut up as a whole."""
    return list(network.pieces()) if isinstance(network, InPieces) else []


def mean_of_network(network: nn.Module) -> MeanOf | None:
    """Return what finds the mean that samples are without where a network sees them; None where they are whole."""
    return network.mean_of if isinstance(network, OfResiduals) else None
