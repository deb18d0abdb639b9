"""Does a classifier that has only seen real data recognise samples as the class they were drawn for?"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.errors import DataError

GAMMA_PER_DIMENSION = 16.0
"""gamma * number of values: 0.25 on the 64 pixels of the digits."""

PENALTY = 10.0


class Classifier:
    """A support vector machine with a Gaussian kernel, trained on real data in the model's range.

    Its gamma is 16 / d for d values per sample and its C 10. High accuracy on samples says that each looks like its
    class; it does not say that they are as varied as the data.
    """

    def __init__(self, x: Float[Tensor, "n c *space"], y: Int[Tensor, " n"]) -> None:
        """Train on samples and their labels.

        Raises:
            DataError: fewer than two classes, or scikit-learn is not installed.
        """
        try:
            from sklearn.svm import SVC
        except ImportError as error:
            raise DataError("classifier: it needs scikit-learn, which is missing; pip install scikit-learn") from error
        features = _features(x)
        labels = y.cpu().numpy()
        if len(np.unique(labels)) < 2:
            raise DataError("classifier: samples of at least two classes wanted, got one class")
        self._machine: Any = SVC(gamma=GAMMA_PER_DIMENSION / features.shape[1], C=PENALTY)
        self._machine.fit(features, labels)

    def correct(self, x: Float[Tensor, "n c *space"], y: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return 1 for each sample that is recognised as its label, else 0."""
        hits: Any = self._machine.predict(_features(x)) == y.cpu().numpy()
        return x.new_tensor(hits, device="cpu")


def _features(x: Tensor) -> Float[np.ndarray, "n d"]:
    return x.flatten(1).cpu().double().numpy()
