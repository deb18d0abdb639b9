"""Low precision inside the network only: weights, losses and the chain keep their own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.tensors import network_output
from idm.core.types import Network


@dataclass(frozen=True)
class Autocast:
    """A network that computes in a shorter format and returns x's.

    Attributes:
        network: the network; its parameters stay as they are.
        dtype: format of matrix products and convolutions inside.
    """

    network: Network
    dtype: torch.dtype = torch.bfloat16

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Call the network under autocast."""
        with torch.autocast(x.device.type, dtype=self.dtype):
            output = self.network(x, time, **conditioning)
        return network_output(output).to(x.dtype)
