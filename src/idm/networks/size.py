"""How large a network is, and where."""

import torch
from torch import nn


def num_parameters(network: nn.Module) -> int:
    """Count the numbers that are trained."""
    return sum(parameter.numel() for parameter in network.parameters())


def device_of(network: nn.Module) -> torch.device:
    """Return the device that a network's parameters are on; a network without parameters is on the host."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
