"""Which of several named arrays are the samples, and which their labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.beside import NOTHING_BESIDE, Beside
from idm.data.label_names import DATA, NO_LABELS, as_text, find_labels, is_of_data, words
from idm.data.parts import TRAIN, part_of_words
from idm.data.remarks import listed

LABEL_KEYS = ("labels", "y")
"""Names of arrays that must be labels; arrays of other names that tell of labels are left out where they are none."""

CLASS_NAMES = "class_names"
"""The array that names the classes which labels number."""

OURS = {"data", "labels", CLASS_NAMES, "seeds"}
"""The arrays of samples that this program wrote."""

LABEL_KINDS = "buiU"
"""Kinds of dtypes that labels may have."""


@dataclass(frozen=True)
class ArrayFile:
    """What a file or store of arrays holds.

    Attributes:
        data: the samples along the first axis, in memory or left on disk.
        labels: one integer or string per sample, [n]; None where there are none.
        remarks: which arrays are not read, in a line; empty where all are.
        class_names: name of each class, where labels are numbers of them; None elsewhere.
        beside: the other arrays.
    """

    data: Any
    labels: NDArray[Any] | None
    remarks: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    beside: Beside = NOTHING_BESIDE


@dataclass(frozen=True)
class Keys:
    """Which arrays of a file are read.

    Attributes:
        data: name of the samples.
        labels: name of what may be their labels; None where there are none.
        others: all other names.
        told: whether the labels were asked for by name.
    """

    data: str
    labels: str | None
    others: tuple[str, ...]
    told: bool

    def labels_of(
        self, path: Path, shape: tuple[int, ...], found: tuple[int, ...], load: Callable[[], NDArray[Any]]
    ) -> NDArray[Any] | None:
        """Load the labels of data of a shape; None where what is called so are none, and nobody asked for it.

        Args:
            path: the file, for messages.
            shape: shape of the data.
            found: shape of the labels.
            load: loads them.

        Raises:
            DataError: not one integer or string per sample, though they must be labels.
        """
        must_be = self.told or self.labels in LABEL_KEYS
        if not _is_column(found, shape):  # known before they are loaded, which may fill memory
            return _no_labels(path, shape, f"shape {found}") if must_be else None
        labels = as_text(path, np.asarray(load()))
        if labels.dtype.kind in LABEL_KINDS:
            return labels.reshape(-1)
        return _no_labels(path, shape, str(labels.dtype)) if must_be else None

    def remarks(self, labels: NDArray[Any] | None, *, named: bool = False) -> tuple[str, ...]:
        """Say which arrays are not read, in one line; nothing where all are; names of classes are where ``named``."""
        if {self.data, self.labels, *self.others} <= OURS:
            return ()
        others = self.others if labels is not None or self.labels is None else (*self.others, self.labels)
        others = tuple(name for name in others if not (named and name == CLASS_NAMES))
        advice = "data.source.key and data.source.labels_key choose others"
        return () if not others else (f"not read: {listed(others)}; {advice}",)


def choose_keys(
    path: Path, names: Sequence[str], key: str | None, labels_key: str | None, apart: tuple[str, ...] = ()
) -> Keys:
    """Choose the data and the labels among the names of arrays.

    Args:
        path: the file, for messages.
        names: all names in the file.
        key: name of the data; by default the only one besides the labels, or a word for data, or the one of the part
            to train on.
        labels_key: name of the labels, or "none"; by default the one whose words tell it, see ``label_names``.
        apart: names that are neither unless they are told so.

    Raises:
        DataError: no such name, or several candidates.
    """
    told = None if labels_key == NO_LABELS else labels_key
    for option, name in (("key", key), ("labels_key", told)):
        if name is not None and name not in names:
            raise DataError(
                f"{path}: an array '{name}' wanted, got {', '.join(names)}; set data.source.{option} to one of these"
            )
    free = [name for name in names if name not in apart]
    of_data = key or _find_data(path, [name for name in free if name != told])
    of_labels = told or (None if labels_key == NO_LABELS else find_labels(free, of_data))
    of_labels = None if of_labels == of_data else of_labels
    others = tuple(name for name in free if name not in (of_data, of_labels))
    return Keys(of_data, of_labels, others, told=told is not None)


def _find_data(path: Path, names: list[str]) -> str:
    others = [name for name in names if find_labels([name]) is None] or [n for n in names if n not in LABEL_KEYS]
    if not others:
        besides = f" besides {listed(names)}" if names else ""
        raise DataError(f"{path}: one array of data wanted, got none{besides}; save the samples in it, such as data")
    found = others if len(others) == 1 else [name for name in DATA if name in others]
    found = found or [name for name in others if is_of_data(name) and part_of_words(words(name)) == TRAIN][:2]
    if not found or (len(found) > 1 and found[0] not in DATA):
        raise DataError(
            f"{path}: one array of data wanted, got {', '.join(others)}; set data.source.key to one of these"
        )
    return found[0]


def _no_labels(path: Path, shape: tuple[int, ...], found: str) -> NoReturn:
    raise DataError(
        f"{path}: one integer or string per sample, {shape[:1]}, wanted as labels, got {found}; "
        "save class numbers, or set data.source.labels_key=none"
    )


def _is_column(found: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether there is one entry per sample, [n] or [n, 1]."""
    return len(found) > 0 and found == (*shape[:1], *(1,) * (len(found) - 1))
