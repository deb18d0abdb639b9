"""Samples of a run beside its data: a distance, the share that is recognised, and what chance makes of both."""

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import derive_seed
from idm.data import Dataset
from idm.data.base import Indices
from idm.likelihood import Estimate
from idm.metrics import Classifier, Labelled, PrincipalComponents, frechet_distance
from idm.run.compared import read_piece
from idm.run.data import Data
from idm.run.opened import Opened
from idm.schedules.table import Float64

MOST_FEATURES = 20
"""Principal components; fewer where samples have fewer values."""

MOST_TRAINING = 10_000
"""Training samples that are compared with, evenly from all of them."""

MOST_FITTED = 2_000
"""Most of these samples that the components are found from."""

LARGEST_BYTES = 2**29
"""Most bytes of samples that are held at once, in float64; but there are more of them than features."""

RESAMPLED, NULLS = 100, 5
"""How often samples are drawn again from those that there are, and data from the training data."""


class Judge:
    """Compares samples with the data of a run."""

    def __init__(self, run: Opened, data: Data, num: int) -> None:
        """Read the training data, as they are without mirrored ones.

        Raises:
            SettingsError: fewer samples than features.
        """
        self._run, self._data, self.num = run, data, num
        size, train = math.prod(data.train.shape), _evenly(data.train, MOST_TRAINING)
        self._at_once = max(2 * MOST_FEATURES, LARGEST_BYTES // (8 * size))
        fitted = train[:: max(1, -(-len(train) // min(MOST_FITTED, self._at_once)))]
        self.features = PrincipalComponents.of(data.train.batch(fitted)[0], min(MOST_FEATURES, size))
        parts = np.array_split(train, -(-len(train) // self._at_once))
        self.train = torch.cat([self.features(data.train.batch(part)[0]) for part in parts])
        if num <= self.size:
            raise SettingsError(f"samples={num}: more than the {self.size} features that are compared wanted")

    @property
    def size(self) -> int:
        """Number of features."""
        return len(self.features.directions)

    @cached_property
    def classifier(self) -> Classifier | None:
        """What recognises classes; None without any."""
        if self._run.spec.num_classes is None:
            return None
        found = self._first(self._data.train)
        return None if found.y is None else Classifier(found.x, found.y)

    def distance(self, features: Tensor) -> float:
        """Return the Fréchet distance from the training data."""
        return frechet_distance(features, self.train)

    def distances(self, features: Tensor) -> Float64:
        """Return that of samples drawn again from these: the same ones whatever the samples are, so that they pair."""
        rng = np.random.default_rng(derive_seed(len(features), "resampled"))
        return np.array(
            [self.distance(features[rng.integers(0, len(features), len(features))]) for _ in range(RESAMPLED)]
        )

    def again(self) -> Estimate:
        """Return the distance of as many training data drawn again."""
        rng = np.random.default_rng(derive_seed(self.num, "drawn again"))
        drawn = [self.distance(self.train[rng.integers(0, len(self.train), self.num)]) for _ in range(NULLS)]
        return Estimate(float(np.mean(drawn)), float(np.std(drawn, ddof=1)))

    def held_out(self) -> tuple[Estimate | None, Estimate | None]:
        """Return the distance of the held-out data and the share of them that is recognised, where these are known."""
        held_out, distance = self._first(self._data.held_out), None
        if len(held_out.x) > self.size:
            features = self.features(held_out.x)
            distance = Estimate(self.distance(features), deviation(self.distances(features)))
        if self.classifier is None or held_out.y is None or not len(held_out.x):
            return distance, None
        return distance, Estimate.of(self.classifier.correct(held_out.x, held_out.y))

    def _first(self, dataset: Dataset) -> Labelled:
        """Read the first samples of a data set, none of them mirrored, and their classes where they have such."""
        return read_piece(dataset, np.arange(min(MOST_TRAINING, self._at_once, dataset.num_read)))

    def recognised(self, samples: Tensor) -> Estimate | None:
        """Return the share of samples, drawn of every class in turn, that is recognised."""
        if self.classifier is None:
            return None
        return Estimate.of(self.classifier.correct(samples, self._run.label_kwargs(None, len(samples))["y"]))


def _evenly(data: Dataset, most: int) -> Indices:
    """Return numbers of samples, evenly from all that are there."""
    every = len(data) // (2 if data.random_flip else 1)
    return np.unique(np.linspace(0, every - 1, min(most, every)).astype(np.int64))


def deviation(values: Float64) -> float:
    """Return the standard deviation."""
    return float(values.std(ddof=1))
