"""What samples of a run are compared with: which real samples, and which features of both."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.rng import derive_seed
from idm.data import Dataset
from idm.metrics import Labelled, Metric, Setup
from idm.metrics.features import FeatureExtractor, Values, find_features, fitted_and_compared
from idm.run.classifier_features import CLASSIFIER, ClassifierFeatures
from idm.run.data import Data
from idm.run.opened import Opened
from idm.run.scoring import require_held_out

MOST_REAL_SAMPLES, MOST_BYTES, FEWEST_REAL_SAMPLES = 10_000, 2**30, 64
"""Most samples that metrics look at, evenly from all, most bytes of values, and the fewest whatever they take."""

MOST_ROW_BYTES = 2**27
"""Most bytes of what is seen of samples and kept, such as features: those of 10,000 samples where they are 3,355."""

Reader = Callable[[Dataset, NDArray[np.int64]], Labelled]
"""What reads samples of some numbers, or has read them before."""


def read_piece(dataset: Dataset, numbers: NDArray[np.int64]) -> Labelled:
    """Read the samples of those numbers."""
    return Labelled(dataset.batch(numbers)[0], dataset.classes_of(numbers))


@final
@dataclass(frozen=True, eq=False)
class Compared:
    """Which real samples, by which features.

    Attributes:
        features: what is compared of samples.
        dataset: the real data; None where no metric compares samples with any.
        numbers: which of these; the features know nothing of them.
        left: of which more there are, that the features know nothing of either.
    """

    features: FeatureExtractor = field(default_factory=Values)
    dataset: Dataset | None = None
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    left: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))


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


def set_up(run: Opened, data: Data, samples: int, features: str, read: Reader = read_piece) -> tuple[Compared, Setup]:
    """Choose features and real samples, and say what metrics are to look at; errors as of ``choose_compared``."""
    if features == CLASSIFIER:
        require_held_out(run, data)
        chosen = compared_by(lambda x: ClassifierFeatures.of(run), data.held_out, read)
    else:
        dataset = data.train if len(data.train) else data.held_out
        chosen = compared_by(lambda x: find_features(features, x, device=run.device), dataset, read)
    shape = tuple(data.train.shape)
    return chosen, setup_of(chosen, shape, samples)


def setup_of(chosen: Compared, shape: tuple[int, ...], samples: int, *, are_given: bool = False) -> Setup:
    """Say what metrics are to look at, where so many samples are compared."""
    size = num_features(chosen)
    limit = ", of no more of which so many features are kept" if len(chosen.numbers) == most_rows(size) else ""
    return Setup(shape, samples, len(chosen.numbers), size, are_given=are_given, limit=limit)


def num_features(chosen: Compared) -> int:
    """Return how many features a real sample has."""
    assert chosen.dataset is not None, "there are real data"
    return chosen.features(chosen.dataset.batch(chosen.numbers[:1])[0]).shape[1]


def compared_by(find: Callable[[Tensor], FeatureExtractor], dataset: Dataset, read: Reader) -> Compared:
    """Choose real samples of a data set, evenly, and make features; fitted ones have some to themselves.

    Args:
        find: makes the extractor for real samples.
        dataset: the real data.
        read: what reads them.
    """
    numbers, left = numbers_evenly(dataset), np.arange(dataset.num_read)
    to_fit, others = fitted_and_compared(len(numbers))
    features = find(read(dataset, numbers[:2]).x)
    if features.is_fitted:
        fitted = within_bytes(dataset, numbers[to_fit])
        features = find(read(dataset, fitted).x)
        left, numbers = np.setdiff1d(left, fitted), numbers[others]
    size = features(read(dataset, numbers[:1]).x).shape[1]
    return Compared(features, dataset, thinned(numbers, most_rows(size)), left)


def part_of(of: Labelled, rows: NDArray[Any]) -> Labelled:
    """Return samples of some rows, by number or by whether they are wanted."""
    chosen = torch.from_numpy(rows)
    return Labelled(of.x[chosen], None if of.y is None else of.y[chosen])


def numbers_evenly(dataset: Dataset) -> NDArray[np.int64]:
    """Return the numbers of samples evenly from all that are there, none of them mirrored, as many as metrics take."""
    return thinned(np.arange(dataset.num_read), MOST_REAL_SAMPLES)


def within_bytes(dataset: Dataset, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return as many of those numbers, evenly, as samples whose values are held at once."""
    return thinned(numbers, most_held(dataset.shape))


def most_held(shape: tuple[int, ...]) -> int:
    """Return how many samples of a shape are held at once."""
    return max(FEWEST_REAL_SAMPLES, MOST_BYTES // (4 * math.prod(shape)))


def most_rows(size: int) -> int:
    """Return of how many samples rows of so many numbers are kept."""
    return max(FEWEST_REAL_SAMPLES, MOST_ROW_BYTES // (4 * size))


def thinned(numbers: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of those numbers, evenly, but 64 of them whatever they take.

    One at random of each of as many stretches: a number in every second place would miss half of the classes of samples
    that were drawn of every class in turn.
    """
    count = min(max(FEWEST_REAL_SAMPLES, most), len(numbers))
    if count == len(numbers):
        return numbers
    ends = np.arange(count + 1) * len(numbers) // count
    shares = np.random.default_rng(derive_seed(len(numbers), "thinned", count)).random(count)
    return numbers[ends[:-1] + (shares * np.diff(ends)).astype(np.int64)]
