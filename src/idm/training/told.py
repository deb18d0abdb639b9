"""How a network is told what goes with samples."""

from collections.abc import Callable, Mapping

from torch import Tensor

Given = Callable[[Tensor], Mapping[str, Tensor]]
"""Returns a network's arguments for labels of samples, or what else it is told of them."""


def as_labels(y: Tensor) -> dict[str, Tensor]:
    """Give labels to a network as it takes them."""
    return {"y": y}
