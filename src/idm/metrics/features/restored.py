"""Features that the package makes itself, made again of what a file says of them: no code is run for that."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from idm.metrics.features.base import FeatureExtractor, Values
from idm.metrics.features.components import PrincipalComponents
from idm.metrics.features.random_convolutions import RandomConvolutions

Shape = tuple[int, ...]

MOST_CHANNELS = 4_096
"""Most channels that random convolutions of a file may have: each has weights."""


def parts_of(features: FeatureExtractor) -> dict[str, Tensor]:
    """Return what features are made of that were fitted to data; nothing of others."""
    if not isinstance(features, PrincipalComponents):
        return {}
    return {"mean": features.mean, "directions": features.directions}


def restored(name: str, shape: Shape, fitted: Mapping[str, Tensor]) -> FeatureExtractor | None:
    """Make the features of a name for samples of a shape; None of what is not of this package's own making.

    Raises:
        ValueError, LookupError: what they were fitted to is missing, or does not suit the shape.
    """
    return RESTORED[name](shape, fitted) if name in RESTORED else None


def _components(shape: Shape, fitted: Mapping[str, Tensor]) -> PrincipalComponents:
    mean, directions = fitted["mean"].double(), fitted["directions"].double()
    size = math.prod(shape)
    if mean.shape != (size,) or directions.ndim != 2 or directions.shape[1] != size or not len(directions):
        raise ValueError(f"components of {size:,} values wanted")
    return PrincipalComponents(mean, directions)


def _convolutions(shape: Shape, fitted: Mapping[str, Tensor]) -> RandomConvolutions:
    if len(shape) < 2 or shape[0] > MOST_CHANNELS:
        raise ValueError(f"samples with a spatial axis and at most {MOST_CHANNELS:,} channels wanted")
    return RandomConvolutions(shape[0], len(shape) - 1)


def _values(shape: Shape, fitted: Mapping[str, Tensor]) -> Values:
    return Values()


RESTORED: Mapping[str, Callable[[Shape, Mapping[str, Tensor]], Any]] = {
    "pca": _components,
    "random": _convolutions,
    "values": _values,
}
