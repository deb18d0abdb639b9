"""Samples of the same content: copies, and those of them that are on both sides of the split."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt64
from numpy.typing import NDArray

from idm.core.text import counted
from idm.data.remarks import listed

HASH_BYTES = 16
"""Bytes of a hash: two different contents have the same one once in 2^64 sets of 2^32 samples."""

Contents = UInt64[np.ndarray, "n 4"]
"""Two hashes of each sample: of its values, and of these mirrored along the last axis."""

UNSPLIT, TRAIN, HELD_OUT = 0, 1, 2
"""On which side of the split a sample is."""


@dataclass(frozen=True)
class Leak:
    """Content that is on both sides of the split.

    Attributes:
        train: names of the samples that are trained on.
        held_out: names of those that are held out.
        mirrored: whether the ones are the others mirrored left to right.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    mirrored: bool = False


def hash_content(values: Shaped[np.ndarray, "..."]) -> bytes:
    """Hash a sample, as it is and mirrored; points have no mirror image. 0 and -0 are the same."""
    values = np.ascontiguousarray(values + values.dtype.type(0) if values.dtype.kind == "f" else values)
    as_it_is = _hash(values)
    return as_it_is + (_hash(np.ascontiguousarray(values[..., ::-1])) if values.ndim > 1 else as_it_is)


def hash_name(text: str) -> bytes:
    """Hash something of which no values are known."""
    return 2 * hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


def gather_hashes(hashes: Iterable[bytes], count: int) -> Contents:
    """Put the hashes of ``count`` samples into an array of 32 bytes a sample, one by one."""
    found = np.empty((count, 4), dtype=np.uint64)
    for row, content in zip(found, hashes, strict=True):
        row[:] = np.frombuffer(content, dtype="<u8")
    return found


def find_copies(contents: Contents, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the names of samples of equal content, group by group."""
    return tuple(tuple(names[int(row)] for row in rows) for rows in _equal_rows(contents[:, :2]))


def find_leaks(contents: Contents, names: Sequence[str], side: NDArray[np.int8]) -> tuple[Leak, ...]:
    """Return what is on both sides of the split: equal samples first, then mirror images.

    Args:
        contents: hashes of the samples.
        names: their names.
        side: which side each is on.
    """
    leaks = [Leak(*_named(names, rows, side)) for rows in _equal_rows(contents[:, :2])]
    same = contents[:, 2] == contents[:, 0]
    swapped = np.where(same, contents[:, 3] < contents[:, 1], contents[:, 2] < contents[:, 0])
    either = np.where(swapped[:, None], contents[:, 2:], contents[:, :2])  # the same of a sample and its mirror image
    for rows in _equal_rows(either):
        sides, kinds = side[rows], swapped[rows]
        faces = [(sides == which) & (kinds == kind) for which in (TRAIN, HELD_OUT) for kind in (False, True)]
        pairs = ((faces[0], faces[3]), (faces[1], faces[2]))  # of one kind on one side, and the other on the other
        kept = sum((one | other for one, other in pairs if one.any() and other.any()), np.zeros(len(rows), np.bool_))
        leaks.append(Leak(*_named(names, rows[kept], side), mirrored=True))
    return tuple(leak for leak in leaks if leak.train and leak.held_out)


def leaks_in_words(leaks: Sequence[Leak]) -> tuple[str, ...]:
    """Say which samples are held out and trained on, too, a line for equal ones and one for mirror images."""
    lines: list[str] = []
    for mirrored in (False, True):
        found = [leak for leak in leaks if leak.mirrored == mirrored]
        if found:
            held = sum(len(leak.held_out) for leak in found)
            pairs = [f"{leak.held_out[0]} as {leak.train[0]}" for leak in found]
            what = "is trained on, too" if not mirrored else "is trained on mirrored left to right"
            lines.append(
                f"the content of {counted(held, 'held-out sample')} {what}: {listed(pairs)}; remove copies, or keep "
                "them on one side with data.group_by or data.group_pattern"
            )
    return tuple(lines)


def _hash(values: NDArray[Any]) -> bytes:
    found = hashlib.blake2b(f"{values.shape}".encode(), digest_size=HASH_BYTES)
    found.update(values.reshape(-1).view(np.uint8).data)
    return found.digest()


def _named(
    names: Sequence[str], rows: NDArray[np.int64], side: NDArray[np.int8]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    train, held_out = (tuple(names[int(row)] for row in rows[side[rows] == which]) for which in (TRAIN, HELD_OUT))
    return train, held_out


def _equal_rows(hashes: UInt64[np.ndarray, "n 2"]) -> list[NDArray[np.int64]]:
    """Return the numbers of equal rows, group by group, without groups of one, in the order of their first rows."""
    order = np.lexsort(hashes.T)
    starts = np.flatnonzero((np.diff(hashes[order], axis=0) != 0).any(axis=1)) + 1
    bounds = np.concatenate([[0], starts, [len(order)]])
    groups = [order[bounds[at] : bounds[at + 1]] for at in np.flatnonzero(np.diff(bounds) > 1)]
    return sorted(groups, key=lambda rows: int(rows[0]))
