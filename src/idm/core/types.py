"""Shapes and protocols shared by every room.

Shapes are written ``b c *space``: batch, channels, then one, two or three spatial axes (none for points).
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

Images = Float[Tensor, "b c *space"]
"""A batch of samples of the data, in the model range [-1, 1] or at some noise level."""

PerSample = Float[Tensor, " b"]
"""One number per sample of the batch."""

Steps = Int[Tensor, " b"]
"""Step indices in [0, T); 0 is the least noisy step, not clean data."""


@runtime_checkable
class Network(Protocol):
    """Anything that maps noisy samples and network times to outputs.

    Called as ``network(x, time, **conditioning)`` with x of shape [b, c, *space] and time of shape [b];
    returns [b, k * c, *space], where k is 1, or 2 when the network also predicts a variance. Closed-form
    denoisers are networks too.
    """

    def __call__(self, x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        """Predict from noisy samples."""
        ...
