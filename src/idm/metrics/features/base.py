"""What is compared of samples."""

import hashlib
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.types import Images


@runtime_checkable
class FeatureExtractor(Protocol):
    """Turns samples in the model's range into vectors; figures of other features, or other weights, do not compare.

    Name, version and hash stand beside every figure that was measured on them. A name of settings is made of its
    data by ``FEATURES``.
    """

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def version(self) -> str:
        """Which form of the same name: it changes where features do."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of its numbers; empty where it has none."""
        ...

    @property
    def is_fitted(self) -> bool:
        """Whether it was fitted to samples, which are then not to be compared: they are not like others any more."""
        ...

    def __call__(self, x: Images, /) -> Float[Tensor, "n d"]:
        """Return the features of samples."""
        ...


@final
@dataclass(frozen=True)
class Values:
    """The values of samples as they are."""

    name: str = "values"
    version: str = "1"
    sha256: str = ""
    is_fitted: bool = False

    @classmethod
    def of(cls, data: Images) -> "Values":
        """Make it for any data."""
        return cls()

    def __call__(self, x: Images, /) -> Float[Tensor, "n d"]:
        """Return the values, in float64."""
        return x.flatten(1).to("cpu", torch.float64)


def hash_of(*tensors: Tensor) -> str:
    """Return the SHA-256 of numbers, rounded to float32 so that the last digits of another machine do not count."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(repr(tuple(tensor.shape)).encode())
        found.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return found.hexdigest()
