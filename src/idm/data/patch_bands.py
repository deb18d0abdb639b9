"""Patches that lie beside each other, read together: far fewer reads than patches where all are gone through."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idm.data.base import Samples, Source

MOST_WASTED = 2
"""A band may be this many times as long as its patches together."""


@dataclass(frozen=True, eq=False)
class Band:
    """A window that holds some patches, which have one place along all axes but the last.

    Attributes:
        first: its first place along each axis.
        length: its size along the last axis; along the others it is that of patches.
        members: which patches it holds.
    """

    first: tuple[int, ...]
    length: int
    members: NDArray[np.int64]


def read_patches(source: Source, index: int, firsts: NDArray[np.int64], size: tuple[int, ...]) -> Samples:
    """Read windows of one sample as ``Source.read_windows`` does, those that lie beside each other together.

    Args:
        source: the source.
        index: number of the sample.
        firsts: first place of each window along each axis of space, [k, axes].
        size: their size along each.

    Returns:
        [k, c, *size].
    """
    patches = np.empty((len(firsts), source.shape[0], *size), source.dtype)
    by_length: dict[int, list[Band]] = {}
    for band in bands_of(firsts, size[-1]):
        by_length.setdefault(band.length, []).append(band)
    for length, bands in by_length.items():
        read = source.read_windows(index, np.array([band.first for band in bands]), (*size[:-1], length))
        for band, values in zip(bands, read, strict=True):
            for member in band.members.tolist():
                begin = int(firsts[member, -1]) - band.first[-1]
                patches[member] = values[..., begin : begin + size[-1]]
    return patches


def read_patches_of(
    source: Source, owners: NDArray[np.int64], firsts: NDArray[np.int64], size: tuple[int, ...]
) -> Samples:
    """Read windows of several samples, in the order in which they are told.

    Args:
        source: the source.
        owners: number of the sample of each, [n].
        firsts: first place of each along each axis of space, [n, axes].
        size: their size along each.

    Returns:
        [n, c, *size].
    """
    patches = np.empty((len(owners), source.shape[0], *size), source.dtype)
    for owner in np.unique(owners).tolist():
        here = np.flatnonzero(owners == owner)
        patches[here] = read_patches(source, owner, firsts[here], size)
    return patches


def bands_of(firsts: NDArray[np.int64], size: int) -> Iterator[Band]:
    """Go through the bands that patches are read in.

    Args:
        firsts: first place of each patch along each axis, [k, axes].
        size: their size along the last axis.
    """
    order = np.lexsort(firsts.T[::-1])
    ordered = firsts[order]
    changes = np.flatnonzero((ordered[1:, :-1] != ordered[:-1, :-1]).any(axis=1)) + 1
    for members in np.split(order, changes):
        last = firsts[members, -1]
        length = int(last[-1] - last[0]) + size
        if length <= MOST_WASTED * size * len(members):
            yield Band(tuple(firsts[members[0]].tolist()), length, members)
        else:
            yield from (Band(tuple(firsts[member].tolist()), size, np.array([member])) for member in members)
