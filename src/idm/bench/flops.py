"""Floating-point operations of a network, counted from the shapes of its convolutions and matrix products."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

META = torch.device("meta")


def forward_flops(network: nn.Module, x: Tensor, time: Tensor) -> int:
    """Count the operations of one call: convolutions and matrix products, 2 per multiply-add.

    The call is made with tensors that have shapes and no values. Nothing is computed, and what a device does in its own
    way is counted in the plain one: torch's counter passes over fused attention on a CPU, which is there made of matrix
    products; and a network that gets by with fewer operations is credited with those that its architecture asks for.
    """
    state = {name: value.to(META) for name, value in network.state_dict().items()}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        functional_call(network, state, (x.to(META), time.to(META)))
    return counter.get_total_flops()
