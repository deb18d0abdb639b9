"""What samples of a run are compared with: which real samples, and which features of both."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.data import Dataset
from idm.metrics import Labelled, Metric, Setup
from idm.metrics.features import FeatureExtractor, Values, find_features, fitted_and_compared
from idm.run.classifier_features import CLASSIFIER, ClassifierFeatures
from idm.run.data import Data
from idm.run.opened import Opened
from idm.run.scoring import require_held_out

MOST_REAL_SAMPLES, MOST_BYTES, FEWEST_REAL_SAMPLES = 10_000, 2**30, 64
"""Most real samples that metrics look at, evenly from all, most bytes of values, and the fewest whatever they take."""


@final
@dataclass(frozen=True, eq=False)
class Compared:
    """Which real samples, by which features.

    Attributes:
        features: what is compared of samples.
        rows: which of the real samples that are read; None: all.
        held_out: whether they are the held-out ones, as the features have seen the training data.
    """

    features: FeatureExtractor = field(default_factory=Values)
    rows: NDArray[np.int64] | None = None
    held_out: bool = False

    def of(self, trained_on: Labelled | None, scored: Labelled | None) -> Labelled | None:
        """Return them of those that were read; None where metrics find them themselves."""
        if self.held_out:
            return scored
        real = trained_on or scored
        if real is None or self.rows is None:
            return None
        return Labelled(real.x[self.rows], None if real.y is None else real.y[self.rows])


def choose_compared(run: Opened, data: Data, metrics: Iterable[Metric], samples: int, features: str) -> Compared:
    """Choose features and real samples, and let every metric look at what there will be.

    Features that are fitted have some of the samples to themselves; all others are compared by all of them. The
    classifier of a run was trained on all of its training data, so that samples are compared with held-out ones.

    Args:
        run: the trained model.
        data: what is scored.
        metrics: what is measured.
        samples: how many are drawn.
        features: as of ``find_features``, or "classifier" for those of the run's own.

    Raises:
        SettingsError: no such features, or what a metric refuses.
        DataError: nothing is held out, for the classifier.
        CheckpointError: the classifier is that of another checkpoint, or damaged.
    """
    chosen, setup = set_up(run, data, samples, features)
    for metric in metrics:
        metric.check(setup)
    return chosen


def evenly(dataset: Dataset) -> Labelled:
    """Return samples evenly from all that are there, none of them mirrored."""
    return labelled(*dataset.batch(within_bytes(dataset, numbers_evenly(dataset))))


Reader = Callable[[Dataset], Labelled]
"""What reads samples evenly from all, as ``evenly`` does, or has read them before."""


def set_up(run: Opened, data: Data, samples: int, features: str, read: Reader = evenly) -> tuple[Compared, Setup]:
    """Choose features and real samples, and say what metrics are to look at; errors as of ``choose_compared``."""
    is_classifier = features == CLASSIFIER
    chosen, real = _classified(run, data, read) if is_classifier else _fitted(data, features, run.device, read)
    num_real = len(real.x) if chosen.rows is None else len(chosen.rows)
    shape = tuple(real.x.shape[1:])
    is_limited = len(real.x) == most_held(shape)
    limit = ", no more of which are held beside a run (all are read with samples_from=PATH against=PATH)"
    size = chosen.features(real.x[:1]).shape[1]
    return chosen, Setup(shape, samples, num_real, size, limit=limit if is_limited else "")


def _classified(run: Opened, data: Data, read: Reader) -> tuple[Compared, Labelled]:
    require_held_out(run, data)
    return Compared(ClassifierFeatures.of(run), held_out=True), read(data.held_out)


def _fitted(data: Data, features: str, device: torch.device, read: Reader) -> tuple[Compared, Labelled]:
    real = read(data.train if len(data.train) else data.held_out)
    to_fit, others = fitted_and_compared(len(real.x))
    extractor = find_features(features, real.x[to_fit], device=device)
    return Compared(extractor, others if extractor.is_fitted else None), real


def labelled(x: Tensor, y: Tensor | None) -> Labelled:
    """Put samples and their classes together; numbers and conditions are none."""
    return Labelled(x, None if y is None or y.is_floating_point() else y)


def numbers_evenly(dataset: Dataset) -> NDArray[np.int64]:
    """Return the numbers of samples evenly from all that are there, none of them mirrored, as many as metrics take."""
    return thinned(np.arange(dataset.num_read), MOST_REAL_SAMPLES)


def within_bytes(dataset: Dataset, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return as many of those numbers, evenly, as samples whose values are held at once."""
    return thinned(numbers, most_held(dataset.shape))


def most_held(shape: tuple[int, ...]) -> int:
    """Return how many samples of a shape are held at once."""
    return max(FEWEST_REAL_SAMPLES, MOST_BYTES // (4 * math.prod(shape)))


def thinned(numbers: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of those numbers, evenly, but 64 of them whatever they take."""
    most = max(FEWEST_REAL_SAMPLES, most)
    return numbers[np.unique(np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(np.int64))]
