"""Features by name where there is no run of whose samples they are."""

from pathlib import Path

from torch import Tensor

from idm.core.errors import SettingsError
from idm.metrics.features import USUAL_FEATURES, FeatureExtractor, find_features
from idm.run.classifier_features import CLASSIFIER, ClassifierFeatures
from idm.run.opening import load
from idm.run.ways_of_features import FeatureWay


def features_by(way: FeatureWay, data: Tensor) -> FeatureExtractor:
    """Make the extractor that is wanted, for real samples.

    Raises:
        SettingsError, DataError: as of ``find_features``, and of ``load`` for the classifier of a run.
    """
    name = way.features or USUAL_FEATURES
    member, _, run_folder = name.partition(":")
    if member != CLASSIFIER:
        return find_features(name, data, device=way.device)
    if not run_folder:
        raise SettingsError(
            f"features={CLASSIFIER}: the run whose classifier is meant wanted, got none; give features={CLASSIFIER}:RUN"
        )
    return ClassifierFeatures.of(load(Path(run_folder), device=str(way.device)))
