"""What a bound is compared with: histograms of every value, by class, counted a piece of the data at a time."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from idm.data import Dataset
from idm.data.base import Indices, blocks
from idm.likelihood import Estimate
from idm.metrics.histogram import Histograms
from idm.run.data import Data

FLOAT_BYTES = 4


def histogram_of(data: Data, levels: int, count: int) -> Estimate:
    """Return the mean bits/dim of the first held-out samples under histograms of the training samples of their class.

    Args:
        data: quantised data, with samples to train on.
        levels: number of levels.
        count: how many held-out samples.
    """
    asked, known = _classes(data.held_out, count), _classes(data.train)
    bits = torch.empty(count, dtype=torch.float64)
    for label in np.unique(asked):
        found = Histograms(math.prod(data.train.shape), levels)
        for x, _ in _pieces(data.train, np.flatnonzero(known == label)):
            found.add(x)
        for x, rows in _pieces(data.held_out, np.flatnonzero(asked == label)):
            bits[torch.as_tensor(rows)] = found.bits_per_dim(x)
    return Estimate.of(bits)


def _classes(dataset: Dataset, count: int | None = None) -> Indices:
    """Return the class of every sample, none of them mirrored; 0 where there are no classes."""
    classes = dataset.classes
    return (np.zeros(dataset.num_read, dtype=np.int64) if classes is None else classes.numpy())[:count]


def _pieces(dataset: Dataset, rows: Indices) -> Iterator[tuple[Tensor, Indices]]:
    """Read samples, as many at a time as memory has room for."""
    for part in blocks(rows, FLOAT_BYTES * math.prod(dataset.shape)):
        yield dataset.batch(part)[0], part
