"""Keeping a part of the data out of training."""

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.base import Indices
from idm.data.plan import permutation


def stratified_split(
    labels: Indices | None, total: int, num_held_out: int, *, seed: int = 0
) -> tuple[Indices, Indices]:
    """Choose samples to hold out, from every class in its share.

    Each class gives its exact share of ``num_held_out`` rounded down or up (largest remainders first), so
    the sizes are exact. Without labels the choice is plainly random. Both parts come in random order, so that the
    first samples of either are a fair sample of it. The choice is a function of the arguments alone.

    Args:
        labels: class of each sample, int64 [total], or None.
        total: number of samples.
        num_held_out: how many to hold out, from 0 to total - 1.
        seed: seed of the choice.

    Returns:
        Numbers of the samples to train on, [total - num_held_out], and of those held out, [num_held_out].

    Raises:
        DataError: nothing would be left to train on.
    """
    if not 0 <= num_held_out < total:
        raise DataError(f"held_out: a number from 0 to {total - 1} wanted ({total} samples in all), got {num_held_out}")
    order = permutation(seed, "split", 0, total)
    classes = np.zeros(total, dtype=np.int64) if labels is None else labels[order]
    held = np.zeros(total, dtype=np.bool_)
    for value, count in zip(*_shares(classes, num_held_out), strict=True):
        held[np.flatnonzero(classes == value)[:count]] = True
    return order[~held], order[held]


def _shares(classes: Indices, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class numbers, and how many of each to take: exact shares by the method of largest remainders."""
    values, sizes = np.unique(classes, return_counts=True)
    shares, remainders = np.divmod(sizes * wanted, len(classes))
    largest = np.argsort(-remainders, kind="stable")[: wanted - int(shares.sum())]
    shares[largest] += 1
    return values, shares
