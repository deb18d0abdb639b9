"""Coordinates along the directions in which data vary most."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Images
from idm.metrics.features.base import hash_of

USUAL_COMPONENTS = 20


@final
@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """Coordinates along the directions in which data vary most.

    Attributes:
        mean: of the data [d].
        directions: orthonormal rows [k, d], the one of the largest variance first.
        name: as of ``FeatureExtractor``.
        version: as there.
        is_fitted: as there.
    """

    mean: Float[Tensor, " d"]
    directions: Float[Tensor, "k d"]
    name: str = "pca"
    version: str = "1"
    is_fitted: bool = True

    @classmethod
    def of(cls, data: Float[Tensor, "n *shape"], number: int = USUAL_COMPONENTS) -> "PrincipalComponents":
        """Find the directions of data, at most as many as there are values and one fewer than samples.

        Raises:
            SettingsError: fewer than two samples, or no directions wanted.
        """
        x = data.flatten(1).to(torch.float64, copy=True)
        if len(x) < 2 or number < 1:
            raise SettingsError(f"features: at least 1 of 2 samples wanted, got {number} of {len(x)}")
        mean, number = x.mean(0), min(number, len(x) - 1)
        if len(x) > x.shape[1]:
            return cls(mean, _upright(torch.linalg.svd(x - mean, full_matrices=False).Vh[:number]))
        x -= mean  # a copy of its own
        # Of more values than samples: eigenvectors of the products of samples, which need no d x n result.
        products = torch.linalg.eigh(x @ x.T).eigenvectors[:, -number:].flip(1)
        return cls(mean, _upright(torch.linalg.qr(x.T @ products).Q.T))

    @property
    def sha256(self) -> str:
        """Hash of mean and directions."""
        return hash_of(self.mean, self.directions)

    def __call__(self, x: Images, /) -> Float[Tensor, "n k"]:
        """Return the coordinates of samples, in float64."""
        return (x.flatten(1).double().to(self.mean.device) - self.mean) @ self.directions.T


def _upright(directions: Tensor) -> Tensor:
    """Turn each direction so that its largest part is positive: which sign it has is nobody's choice."""
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * torch.where(largest < 0, -1.0, 1.0)
