"""A network of what a regression leaves: the mean of samples given their condition, and a network of the rest.

Corrective diffusion (CorrDiff; Mardani et al. 2025): a first network learns E[x | c] by squared error, a second one is
trained on the residual x - E[x | c], which varies less and holds what the condition leaves open.
"""

from collections.abc import Iterable
from typing import Any, final

import torch
from torch import Tensor, nn

from idm.networks.needs import pieces_of, uses_dropout_seeds


@final
class ResidualNetwork(nn.Module):
    """The network of residuals as it is called, with the mean beside it, which is not trained any more.

    Attributes:
        mean: called with zeros, time 0 and the condition, it returns the mean of the samples.
        residual: what is called.
    """

    def __init__(self, mean: nn.Module, residual: nn.Module) -> None:
        """Put both together; the mean loses its gradients."""
        super().__init__()
        self.mean, self.residual = mean.requires_grad_(False).eval(), residual

    @property
    def uses_dropout_seeds(self) -> bool:
        """Whether the network of residuals wants seeds for its dropout."""
        return uses_dropout_seeds(self.residual)

    def pieces(self) -> Iterable[nn.Module]:
        """Return the pieces of the network of residuals."""
        return pieces_of(self.residual)

    def train(self, mode: bool = True) -> "ResidualNetwork":
        """Set the mode of the network of residuals; the mean drops nothing."""
        super().train(mode)
        self.mean.eval()
        return self

    def forward(self, x: Tensor, time: Tensor, /, **conditioning: Any) -> Tensor:
        """Call the network of residuals; arguments and errors are its own."""
        return self.residual(x, time, **conditioning)

    @torch.no_grad()
    def mean_of(self, condition: Tensor, shape: tuple[int, ...], /) -> Tensor:
        """Return the mean of samples of a shape [c, *space] given conditions [b, k, *smaller], in the model's range."""
        return mean_of(self.mean, condition, shape)


def mean_of(network: nn.Module, condition: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Call a network as a regression: on zeros at time 0, so that it depends on the condition alone."""
    count = len(condition)
    nothing = torch.zeros(1, device=condition.device)
    return network(nothing.expand(count, *shape), nothing.expand(count), condition=condition)
