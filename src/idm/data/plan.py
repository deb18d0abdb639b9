"""The order of training: which sample is at which position, as a pure function of the seed.

Position p = step * batch_size + j lies in epoch p // n and holds that epoch's permutation at p % n. Every epoch
visits every sample once, whatever the batch size, and a resumed run sees what an uninterrupted one would have
seen. Nothing is carried from step to step.
"""

from functools import lru_cache

import numpy as np

from idm.core.errors import DataError
from idm.core.rng import Rng
from idm.data.base import Indices


def permutation(seed: int, purpose: str, step: int, n: int) -> Indices:
    """Return a random permutation of 0..n-1: the order of n random words, one for each number."""
    words = Rng.from_seed(seed, 1).bits(purpose, step, n)
    return np.argsort(words[0].numpy(), kind="stable")


@lru_cache(maxsize=2)
def epoch_permutation(seed: int, epoch: int, n: int) -> Indices:
    """Return the order of all n samples in one epoch (read-only; the last two epochs asked for are kept)."""
    order = permutation(seed, "epoch", epoch, n)
    order.setflags(write=False)
    return order


def batch_indices(seed: int, step: int, batch_size: int, n: int) -> Indices:
    """Return the numbers of the samples in the batch of one step.

    Args:
        seed: seed of the run.
        step: completed optimiser steps, from 0.
        batch_size: samples per step; it may be larger than n.
        n: number of samples to choose from.

    Returns:
        int64 [batch_size].

    Raises:
        DataError: there are no samples.
    """
    if n < 1:
        raise DataError("data: at least one sample to train on wanted, got none")
    epochs, places = np.divmod(step * batch_size + np.arange(batch_size), n)
    indices = np.empty(batch_size, dtype=np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = epoch_permutation(seed, int(epoch), n)[places[here]]
    return indices


def with_epochs(indices: Indices, step: int, n: int) -> Indices:
    """Add to the numbers in the batch of one step which epoch each belongs to: number + n * (epoch + 1).

    ``Dataset`` draws another crop of a sample in every epoch from such numbers.

    Args:
        indices: what ``batch_indices`` gave.
        step: the step it was asked for.
        n: number of samples to choose from.
    """
    positions = step * len(indices) + np.arange(len(indices))
    return indices + n * (positions // n + 1)
