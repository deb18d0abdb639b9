"""Features of a convolutional network that was never trained: no weights to fetch, and blind to no kind of data.

Naeem et al. (2020) take random networks where data are unlike those that known networks were trained on. The weights
are a function of the seed and of the number of channels and axes alone, so that every machine has the same.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.core.types import Images
from idm.metrics.features.base import hash_of

WIDTHS = (16, 32)
"""Channels of the layers; each layer has half the resolution of the one before."""

SAMPLES_PER_CALL = 256
"""Samples that are looked at together."""

CONVOLUTIONS = (functional.conv1d, functional.conv2d, functional.conv3d)


@final
@dataclass(frozen=True)
class RandomConvolutions:
    """Means and deviations over space of every channel of each layer.

    Attributes:
        channels: of the samples.
        dims: number of their spatial axes, from 1 to 3.
        seed: of the weights.
        name: as of ``FeatureExtractor``.
        version: as there.
        is_fitted: as there.
    """

    channels: int
    dims: int
    seed: int = 0
    name: str = "random"
    version: str = "1"
    is_fitted: bool = False

    @classmethod
    def of(cls, data: Float[Tensor, "n *shape"]) -> "RandomConvolutions":
        """Make those for samples like these.

        Raises:
            SettingsError: they have no spatial axis.
        """
        if data.ndim < 3:
            raise SettingsError(
                "features: samples with a spatial axis wanted for random, got points; take features=values"
            )
        return cls(data.shape[1], data.ndim - 2)

    @cached_property
    def weights(self) -> tuple[Float[Tensor, "o i ..."], ...]:
        """Return kernels of 3 places along every axis, of Gaussian weights that keep the scale of what they see."""
        kernels: list[Tensor] = []
        for layer, (inputs, outputs) in enumerate(pairwise((self.channels, *WIDTHS))):
            shape = (inputs, *(3,) * self.dims)
            fan_in = inputs * 3**self.dims
            drawn = Rng.from_seed(self.seed, outputs).normal("random features", layer, shape)
            kernels.append(drawn * (2.0 / fan_in) ** 0.5)
        return tuple(kernels)

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return hash_of(*self.weights)

    def __call__(self, x: Images, /) -> Float[Tensor, "n d"]:
        """Return the features, in float64 on the CPU."""
        with torch.no_grad():
            return torch.cat([self._features(part) for part in x.to("cpu", torch.float32).split(SAMPLES_PER_CALL)])

    def _features(self, x: Tensor) -> Tensor:
        found: list[Tensor] = []
        convolve, stride = CONVOLUTIONS[self.dims - 1], 1
        for weight in self.weights:
            x = functional.leaky_relu(convolve(x, weight, stride=stride, padding=1), 0.2)
            flat = x.flatten(2).double()
            found += [flat.mean(2), flat.std(2, correction=0)]
            stride = 2
        return torch.cat(found, dim=1)
