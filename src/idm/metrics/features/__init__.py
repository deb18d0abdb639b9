"""Features by name: each is made for the data that are compared. A new one is a file and a line in ``FEATURES``."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from idm.core.registry import Registry
from idm.metrics.features.apart import fitted_and_compared
from idm.metrics.features.base import FeatureExtractor, Values, hash_of
from idm.metrics.features.cache import FeatureCache
from idm.metrics.features.components import PrincipalComponents
from idm.metrics.features.dinov2 import features_in_folder
from idm.metrics.features.network_file import OPENERS, features_in_file
from idm.metrics.features.own import OwnFeatures
from idm.metrics.features.random_convolutions import RandomConvolutions
from idm.metrics.features.restored import parts_of, restored

MEMBERS: Mapping[str, Callable[..., FeatureExtractor]] = {
    "pca": PrincipalComponents.of,
    "values": Values.of,
    "random": RandomConvolutions.of,
}
FEATURES = Registry("features", MEMBERS)
"""What makes features of real data [n, c, *space] in the model's range; a number after a colon is its ``number``."""

USUAL_FEATURES = "pca"


def find_features(name: str, data: Tensor, *, device: torch.device | None = None) -> FeatureExtractor:
    """Make the features of a name: ``pca``, ``pca:50``, ``values``, ``random``, a file, a folder, or a function.

    A file of TorchScript (.pt), or that ``torch.export`` wrote (.pt2), and ``module:function`` are run; a folder with a
    DINOv2 is read.

    Args:
        name: as whoever asks for it wrote it; no file names features.
        data: real samples.
        device: where networks compute; the CPU by default.

    Raises:
        SettingsError: there are none of that name, or not of these data.
        DataError: there is no such file, folder or function, or it cannot be opened.
    """
    where = device or torch.device("cpu")
    if Path(name).suffix.lower() in OPENERS:
        return features_in_file(name, where)
    member, colon, rest = name.partition(":")
    if colon and not rest.isdecimal():
        return OwnFeatures.named(name)
    if member not in FEATURES and (Path(name).is_dir() or Path(name).name != name):
        return features_in_folder(name, where)
    return FEATURES.build(member, {"number": int(rest)} if colon else {}, data=data)


__all__ = [
    "FEATURES",
    "USUAL_FEATURES",
    "FeatureCache",
    "FeatureExtractor",
    "OwnFeatures",
    "PrincipalComponents",
    "RandomConvolutions",
    "Values",
    "features_in_file",
    "features_in_folder",
    "find_features",
    "fitted_and_compared",
    "hash_of",
    "parts_of",
    "restored",
]
