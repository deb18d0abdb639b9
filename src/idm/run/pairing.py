"""Which condition goes with which sample: that of the same name, or of the same number."""

import re
from collections.abc import Sequence

import numpy as np

from idm.data import Source
from idm.data.base import Indices

PLACE = re.compile(r"(#\d+|\[[\d:,]+\])*$")
"""Where in its file a sample lies, at the end of its name: the fourth, ``#3``, or a patch, ``[0:64,128:192]``."""


def in_step(
    samples: Sequence[str] | None, conditions: Sequence[str] | None, count: int
) -> tuple[Indices, tuple[str, ...]]:
    """Find the condition of each sample: by names where those of samples are among those of conditions, else in order.

    Args:
        samples: name of each sample; None where they have none.
        conditions: name of each condition, likewise.
        count: how many samples there are, and conditions where names do not tell.

    Returns:
        Numbers of conditions; and what is worth knowing of that, a line each.
    """
    rows = np.arange(count)
    if samples is None or conditions is None:
        return rows, ()
    found = _found_by_names(samples, conditions)
    if found is not None:
        left = len(conditions) - count
        line = f"data.condition: {left:,} of {len(conditions):,} conditions have names of no sample and are not used"
        return found, (line,) if left else ()
    first = next(
        row for row, names in enumerate(zip(*_compared(samples, conditions), strict=True)) if len({*names}) > 1
    )
    pair = f"condition {conditions[first]} goes with sample {samples[first]}"
    return rows, (f"data.condition: {pair}, and so on in order, as their names differ",)


def are_as_many(samples: Source, conditions: Source) -> bool:
    """Whether each sample has a condition: there are as many, or names tell which are left over."""
    if len(samples) == len(conditions):
        return True
    named = samples.names is not None and conditions.names is not None
    return named and _found_by_names(samples.names or (), conditions.names or ()) is not None


def _found_by_names(samples: Sequence[str], conditions: Sequence[str]) -> Indices | None:
    """Return the number of the condition of the same name as each sample; None where names do not tell."""
    if _are_in_step(samples, conditions):
        return np.arange(len(samples))
    wanted, there = _compared(samples, conditions)
    number = {name: row for row, name in enumerate(there)}
    is_told = len(number) == len(there) and len(set(wanted)) == len(wanted) and number.keys() >= set(wanted)
    return np.array([number[name] for name in wanted], dtype=np.int64) if is_told else None


def _are_in_step(samples: Sequence[str], conditions: Sequence[str]) -> bool:
    """Whether names are the same one after another, as ``_compared`` has them: those of large sets are not kept."""
    if len(samples) != len(conditions):
        return False
    first: tuple[str, str] | None = None
    same = of_one_file = True
    for ours, theirs in zip(map(_file_and_place, samples), map(_file_and_place, conditions), strict=True):
        files = (ours[0], theirs[0])
        first = first or files
        same = same and ours == theirs
        of_one_file = of_one_file and ours[1] == theirs[1] and files == first
        if not (same or of_one_file):
            return False
    return True


def _compared(samples: Sequence[str], conditions: Sequence[str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what is compared of names: files, and places in them; these alone where either are of one file."""
    ours, theirs = ([_file_and_place(name) for name in names] for names in (samples, conditions))
    if len({file for file, _ in ours}) == len({file for file, _ in theirs}) == 1:
        ours, theirs = ([("", place) for _, place in parts] for parts in (ours, theirs))
    return ours, theirs


def _file_and_place(name: str) -> tuple[str, str]:
    """Return a path without what follows the first dot of the file's name, and where in that a sample lies, as #3."""
    place = PLACE.search(name)
    assert place is not None, "it may be empty"
    folder, slash, file = name[: place.start()].rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0] or file}", place[0]
