"""Features of the classifier that a run learned on its own labels: what its head reads of clean data."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from idm.core.types import Images
from idm.run.classifier import TrainedClassifier, stored_classifier
from idm.run.opened import Opened

CLASSIFIER = "classifier"
"""Name of these features."""

SAMPLES_PER_CALL = 256
"""Samples that are looked at together."""


@final
@dataclass(frozen=True, eq=False)
class ClassifierFeatures:
    """What the head of a trained classifier reads.

    Attributes:
        classifier: the classifier.
        device: where it computes.
        name: as of ``FeatureExtractor``.
        version: as there.
        is_fitted: as there; it was fitted to the training data of its run alone.
    """

    classifier: TrainedClassifier
    device: torch.device
    name: str = CLASSIFIER
    version: str = "1"
    is_fitted: bool = False

    @classmethod
    def of(cls, run: Opened) -> "ClassifierFeatures":
        """Read the classifier that ``Run.train_classifier`` left beside the checkpoint.

        Raises:
            SettingsError: none was trained.
            CheckpointError: it is that of another checkpoint, or damaged.
        """
        return cls(stored_classifier(run), run.device)

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return self.classifier.sha256

    def __call__(self, x: Images, /) -> Float[Tensor, "n d"]:
        """Return the features, in float64 on the CPU."""
        with torch.no_grad():
            parts = [self.classifier.features(part.to(self.device)) for part in x.split(SAMPLES_PER_CALL)]
        return torch.cat(parts).to("cpu", torch.float64)
