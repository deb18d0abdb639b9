"""How large a network is."""

from torch import nn


def num_parameters(network: nn.Module) -> int:
    """Count the numbers that are trained."""
    return sum(parameter.numel() for parameter in network.parameters())
