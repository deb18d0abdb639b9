"""How features of samples of any origin are made, and kept."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.data import Dataset
from idm.metrics import make_features
from idm.metrics.features import USUAL_FEATURES, FeatureCache, FeatureExtractor, find_features
from idm.run.classifier_features import CLASSIFIER, ClassifierFeatures
from idm.run.opening import load
from idm.run.spec import DataSpec


@final
@dataclass(frozen=True)
class FeatureWay:
    """How features are made.

    Attributes:
        device: where networks compute.
        features: as of ``find_features``, or "classifier:RUN" for those of the classifier of a run; the usual ones
            where None, or those of the statistics that samples are compared with.
        cache: where they are kept.
        moments: whether mean and covariance of all data are wanted, which are all read for that.
        listener: hears how it gets on.
    """

    device: torch.device
    features: str | None = None
    cache: FeatureCache = field(default_factory=FeatureCache)
    moments: bool = False
    listener: Listener = SILENT

    def find(self, data: Tensor) -> FeatureExtractor:
        """Make the extractor for real samples; errors are those of ``find_features``, and of ``load`` for a run's."""
        name = self.features or USUAL_FEATURES
        member, _, run_folder = name.partition(":")
        if member != CLASSIFIER:
            return find_features(name, data, device=self.device)
        if not run_folder:
            raise SettingsError(
                f"features={CLASSIFIER}: the run whose classifier is meant wanted, got none; give "
                f"features={CLASSIFIER}:RUN"
            )
        return ClassifierFeatures.of(load(Path(run_folder), device=str(self.device)))

    def rows(
        self, features: FeatureExtractor, data: Dataset, numbers: NDArray[np.int64], spec: DataSpec
    ) -> Float[Tensor, "n d"]:
        """Return the features of samples of those numbers, in float32: those that are kept, or new ones.

        Args:
            features: what makes them.
            data: the data.
            numbers: which of the samples.
            spec: what is known of the data.
        """

        def make() -> Tensor:
            return make_features(features, data.batch(numbers)[0], self.listener)

        def about() -> dict[str, Any]:
            encoded = {"codec": spec.codec.to_dict(), "shape": list(spec.shape)}
            return {"data": spec.fingerprint, "numbers": numbers.tolist()} | encoded

        size = len(numbers), features(data.batch(numbers[:1])[0]).shape[1]
        return self.cache.rows(features, about, size, make)
