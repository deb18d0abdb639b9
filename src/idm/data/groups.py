"""Groups of samples that a split must not divide: those of a patient, of a station, of a drawing.

Which groups are held out is a function of their names, the seed and the share: groups are taken in the order of a hash
of their names, so that those that come later move few of the others.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.cells import MISSING
from idm.data.base import Indices, Source, number_classes
from idm.data.beside import GROUP_BY
from idm.data.name_patterns import groups_in, read_pattern
from idm.data.plan import permutation
from idm.data.split import class_shares
from idm.data.wholes import Wholes

BY, PATTERN = GROUP_BY, "group_pattern"
"""The settings that say what the groups are."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """What each sample belongs to.

    Attributes:
        of: number of the group of each sample, int64 [n].
        names: name of each group.
        told: the setting that says so: "group_by=patient".
        way_out: what to do where there is one alone, in words.
        noun: what a group is called.
        is_told: whether a setting says so; otherwise it is so by default.
        are_secret: whether names are identifiers, which no message shows.
    """

    of: Indices
    names: tuple[str, ...]
    told: str
    way_out: str = "name another, or set data.held_out=0"
    noun: str = "group"
    is_told: bool = True
    are_secret: bool = False

    def named(self, group: int) -> str:
        """Return what messages call a group: its name, unless that tells who is shown."""
        return "an identifier that is not shown" if self.are_secret else self.names[group]

    def refuse_divided(self, option: str, held_out: Indices) -> None:
        """Refuse groups of which some samples are held out and others are not.

        Args:
            option: the setting that says which are held out.
            held_out: their numbers.

        Raises:
            DataError: there are.
        """
        held = np.zeros(len(self.of), dtype=np.bool_)
        held[held_out] = True
        divided = np.intersect1d(self.of[held], self.of[~held])
        if len(divided):
            more = f" and {len(divided) - 1:,} more" if len(divided) > 1 else ""
            raise DataError(
                f"{option}: all samples of a group, or none, wanted ({self.told}), got some of "
                f"{self.named(int(divided[0]))}{more}; name them all, or leave out {self.told.partition('=')[0]}"
            )


def groups_by(source: Source, name: str) -> Groups:
    """Read the group of each sample from a column of the data, or from an array beside them.

    Raises:
        DataError: none of that name; a sample without a group; numbers that are not whole.
    """
    values = source.beside.read(BY, name, len(source))
    if values.ndim > 1 and values.shape[1] > 1:
        raise DataError(f"{BY}: one value for each sample wanted, got '{name}' of shape {values.shape}; name another")
    texts = _as_names(values.reshape(-1))
    if "" in texts:
        row = texts.index("")
        where = f"sample {row}" if source.names is None else source.names[row]
        found = values.reshape(-1).tolist()[row]
        raise DataError(
            f"{BY}: a whole number or text for each sample wanted in '{name}', got {found!r} for "
            f"{where}; fill it in, or name another"
        )
    return Groups(*number_classes(np.array(texts)), f"{BY}={name}", are_secret=bool(source.beside.identifying))


def groups_of_wholes(wholes: Wholes) -> Groups:
    """Return what samples were cut from as groups."""
    told = not wholes.may_be_divided
    return Groups(wholes.of, wholes.names, wholes.option, wholes.way_out, wholes.noun, is_told=told)


def groups_by_names(source: Source, patterns: Sequence[str]) -> Groups:
    """Read the group of each sample from its name, by the first pattern that fits it; see ``name_patterns``.

    Raises:
        DataError: samples without names; a name that no pattern fits; no such pattern.
    """
    if source.names is None:
        raise DataError(
            f"{PATTERN}: samples with names wanted, such as files, got none; leave it out, and use {BY} if a column or "
            "array names their groups"
        )
    found = groups_in(PATTERN, source.names, [read_pattern(PATTERN, pattern) for pattern in patterns])
    return Groups(*number_classes(np.array(found)), f"{PATTERN}={','.join(patterns)}")


def grouped_split(
    groups: Groups, labels: Indices | None, num_held_out: int, *, seed: int = 0
) -> tuple[Indices, Indices]:
    """Choose groups to hold out, so that about a number of samples is held out, from every class in its share.

    Groups come in an order that the seed and their names decide. One is held out if that brings the numbers of samples
    of the classes nearer to their shares (see ``stratified_split``); after all were asked, if it brings the number of
    samples nearer to what is wanted. If none does, the smallest is held out; one is always left to train on.

    Args:
        groups: the group of each sample.
        labels: class of each sample, int64 [n], or None.
        num_held_out: how many samples to hold out, from 0 to n - 1.
        seed: seed of the choice.

    Returns:
        Numbers of the samples to train on, and of those held out, each in random order.

    Raises:
        DataError: one group only, which cannot be divided.
    """
    total, count = len(groups.of), len(groups.names)
    held = np.zeros(count, dtype=np.bool_)
    if num_held_out and count < 2:
        raise DataError(
            f"{groups.told.partition('=')[0]}: at least 2 groups wanted, got one, {groups.named(0)}, of all samples; "
            f"{groups.way_out}"
        )
    if num_held_out:
        classes = np.zeros(total, dtype=np.int64) if labels is None else labels
        order = sorted(range(count), key=lambda group: _word(groups.names[group], seed))
        _take(held, order, groups.of, classes, num_held_out)
        _take(held, order, groups.of, np.zeros(total, dtype=np.int64), num_held_out)
        if not held.any():
            held[min(order, key=np.bincount(groups.of).__getitem__)] = True
    shuffled = permutation(seed, "split", 0, total)
    is_held = held[groups.of[shuffled]]
    return shuffled[~is_held], shuffled[is_held]


def _take(held: Mask, order: Sequence[int], of: Indices, classes: Indices, num_held_out: int) -> None:
    """Hold out, in that order, the groups that bring the classes nearer to their shares, but not the last one left."""
    values, classes = np.unique(classes, return_inverse=True)
    wanted = np.zeros(len(values), dtype=np.int64)
    of_class, shares = class_shares(classes, num_held_out)
    wanted[of_class] = shares
    wanted -= np.bincount(classes[held[of]], minlength=len(values))
    pairs, counts = np.unique(of * len(values) + classes, return_counts=True)  # samples of a group and class
    first = np.searchsorted(pairs, np.arange(len(held) + 1) * len(values))
    for group in order:
        if held[group]:
            continue
        here = slice(first[group], first[group + 1])
        these, num = pairs[here] - group * len(values), counts[here]
        if np.abs(wanted[these] - num).sum() < np.abs(wanted[these]).sum() and held.sum() < len(held) - 1:
            held[group] = True
            wanted[these] -= num


def _word(name: str, seed: int) -> bytes:
    """Return what decides the place of a group."""
    return hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest()


def _as_names(values: NDArray[Any]) -> list[str]:
    """Write values as names of groups; "" for what is missing, and for numbers that are not whole."""
    texts: list[str] = []
    for value in values.tolist():
        if isinstance(value, float):
            texts.append(str(int(value)) if value.is_integer() else "")
        else:
            text = "" if value is None else str(value).strip()
            texts.append("" if text.casefold() in MISSING else text)
    return texts
