"""Features by name: each is made for the data that are compared. A new one is a file and a line in ``FEATURES``."""

from collections.abc import Callable, Mapping

from torch import Tensor

from idm.core.registry import Registry
from idm.metrics.features.apart import fitted_and_compared
from idm.metrics.features.base import FeatureExtractor, Values, hash_of
from idm.metrics.features.components import PrincipalComponents
from idm.metrics.features.own import OwnFeatures
from idm.metrics.features.random_convolutions import RandomConvolutions

MEMBERS: Mapping[str, Callable[..., FeatureExtractor]] = {
    "pca": PrincipalComponents.of,
    "values": Values.of,
    "random": RandomConvolutions.of,
}
FEATURES = Registry("features", MEMBERS)
"""What makes features of real data [n, c, *space] in the model's range; a number after a colon is its ``number``."""

USUAL_FEATURES = "pca"


def find_features(name: str, data: Tensor) -> FeatureExtractor:
    """Make the features of a name: ``pca``, ``pca:50``, ``values``, ``random``, or ``module:function``, which is run.

    Args:
        name: as whoever asks for it wrote it; no file names features.
        data: real samples.

    Raises:
        SettingsError: there are none of that name, or not of these data.
        DataError: there is no such function.
    """
    member, colon, rest = name.partition(":")
    if colon and not rest.isdecimal():
        return OwnFeatures.named(name)
    return FEATURES.build(member, {"number": int(rest)} if colon else {}, data=data)


__all__ = [
    "FEATURES",
    "USUAL_FEATURES",
    "FeatureExtractor",
    "OwnFeatures",
    "PrincipalComponents",
    "RandomConvolutions",
    "Values",
    "find_features",
    "fitted_and_compared",
    "hash_of",
]
