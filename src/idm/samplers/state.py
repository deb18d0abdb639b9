"""What a walk is given and goes through: seeds, a device, and its state after each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, SupportsIndex

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from idm.core.types import Network

Seed = SupportsIndex | Sequence[int]
"""One seed per image, or one integer s for seeds s, s + 1, ...; image i depends on its own seed alone."""


Memory = TypeVar("Memory", default=Any)


@dataclass(frozen=True)
class SampleStep(Generic[Memory]):
    """State of the chain after a step.

    Attributes:
        sample: x_{t-1}, or x_T before the first step.
        pred_xstart: the x_0 that the step predicted; None before the first step.
        memory: whatever the sampler wants to see again at its next step; None before the first.
    """

    sample: Tensor
    pred_xstart: Tensor | None = None
    memory: Memory | None = None


def device_of_network(network: Network) -> torch.device:
    """Device of a module's parameters; the CPU for any other callable."""
    parameter = next(network.parameters(), None) if isinstance(network, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device
