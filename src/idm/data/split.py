"""Keeping a part of the data out of training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.base import Indices
from idm.data.file_names import composed
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
    if labels is None:
        return order[num_held_out:], order[:num_held_out]
    classes, held = labels[order], np.zeros(total, dtype=np.bool_)
    for value, count in zip(*class_shares(classes, num_held_out), strict=True):
        held[np.flatnonzero(classes == value)[:count]] = True
    return order[~held], order[held]


def split_by_list(names: Sequence[str] | None, held_out: Sequence[str], *, seed: int = 0) -> tuple[Indices, Indices]:
    """Hold out the samples that a list names.

    Args:
        names: name of each sample; None where the source has none.
        held_out: names of those to hold out.
        seed: seed of the order of both parts.

    Returns:
        Numbers of the samples to train on, and of those held out, each in random order.

    Raises:
        DataError: samples without names; names that no sample has; nothing to train on or to hold out.
    """
    known = _known("held_out_list", names)
    exact, alike = set(known), {composed(name): name for name in known}
    wanted = {name if name in exact else alike.get(composed(name), name) for name in held_out}
    if missing := sorted(wanted.difference(known)):
        raise DataError(
            f"held_out_list: names of samples wanted, such as {known[0]}, got {missing[0]}"
            f"{f' and {len(missing) - 1:,} more' if missing[1:] else ''} that none has; correct the list"
        )
    return _split_where("held_out_list", np.array([name in wanted for name in known], dtype=np.bool_), seed)


def split_by_folder(names: Sequence[str] | None, folder: str, *, seed: int = 0) -> tuple[Indices, Indices]:
    """Hold out the samples whose files lie in a folder, or below it; see ``split_by_list``.

    Args:
        names: path of each sample with forward slashes; None where the source has none.
        folder: path of the folder, relative to that of the data.
        seed: seed of the order of both parts.

    Raises:
        DataError: samples without names; nothing to train on or to hold out.
    """
    known, inside = _known("held_out_folder", names), f"{folder.strip('/')}/"
    held = [name.startswith(inside) for name in known]
    if not any(held):
        held = [composed(name).startswith(composed(inside)) for name in known]
    return _split_where("held_out_folder", np.array(held, dtype=np.bool_), seed)


def _known(option: str, names: Sequence[str] | None) -> Sequence[str]:
    if names is None:
        raise DataError(
            f"{option}: samples with names wanted, such as files, got none; leave it out, and hold out a share"
        )
    return names


def _split_where(option: str, held: NDArray[np.bool_], seed: int) -> tuple[Indices, Indices]:
    if held.all() or not held.any():
        found = "none" if not held.any() else "all"
        raise DataError(f"{option}: some of the {len(held):,} samples wanted, got {found}; name other ones")
    order = permutation(seed, "split", 0, len(held))
    return order[~held[order]], order[held[order]]


def class_shares(classes: Indices, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return class numbers, and how many of each to take: exact shares by the method of largest remainders."""
    values, sizes = np.unique(classes, return_counts=True)
    shares, remainders = np.divmod(sizes * wanted, len(classes))
    largest = np.argsort(-remainders, kind="stable")[: wanted - int(shares.sum())]
    shares[largest] += 1
    return values, shares
