"""Opening .npy and .npz files without running anything in them, and finding data and labels."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.label_names import DATA, NO_LABELS, as_text, find_labels, is_of_data, words
from idm.data.parts import TRAIN, part_of_words
from idm.data.remarks import listed

LABEL_KEYS = ("labels", "y")
"""Names of arrays that must be labels; arrays of other names that tell of labels are left out where they are none."""

LABEL_STEM = "labels"
LABEL_FILE = f"{LABEL_STEM}.npy"

CLASS_NAMES = "class_names"
"""The array that names the classes which labels number."""

OURS = {"data", "labels", CLASS_NAMES, "seeds"}
"""The arrays of samples that this program wrote."""

LABEL_KINDS = "buiU"
"""Kinds of dtypes that labels may have."""


@dataclass(frozen=True)
class ArrayFile:
    """What an array file holds.

    Attributes:
        data: the samples along the first axis.
        labels: one integer or string per sample, [n]; None where there are none.
        remarks: which arrays are not read, in a line; empty where all are.
    """

    data: NDArray[Any]
    labels: NDArray[Any] | None
    remarks: tuple[str, ...] = ()


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

    def remarks(self, labels: NDArray[Any] | None) -> tuple[str, ...]:
        """Say which arrays are not read, in one line; nothing where all are."""
        if {self.data, self.labels, *self.others} <= OURS:
            return ()
        others = self.others if labels is not None or self.labels is None else (*self.others, self.labels)
        advice = "data.source.key and data.source.labels_key choose others"
        return () if not others else (f"not read: {listed(others)}; {advice}",)


def open_arrays(path: Path, key: str | None, labels_key: str | None) -> ArrayFile:
    """Open a .npy file (left on disk) with its ``labels.npy``, or read data and labels from a .npz file.

    Raises:
        UnreadableFileError: not such a file, or damaged.
        DataError: no such key, no data, several candidates, Python objects, or labels that do not fit.
    """
    if not path.is_file():
        raise DataError(f"{path}: a .npy or .npz file wanted, got {kind_at(path)}")
    if path.suffix.lower() == ".npz":
        return _open_archive(path, key, labels_key)
    if key is not None or labels_key not in (None, NO_LABELS):
        raise DataError(
            f"{path}: a .npz file wanted, where arrays have names; leave out data.source.key and data.source.labels_key"
        )
    data, beside = _map(path), None if labels_key == NO_LABELS else labels_beside(path)
    if beside is None:
        return ArrayFile(data, None)
    keys, labels = Keys(path.stem, beside.stem, (), told=beside.name == LABEL_FILE), _map(beside)
    found = keys.labels_of(beside, data.shape, labels.shape, lambda: labels)
    return ArrayFile(
        data, found, () if found is not None else (f"not read: {beside.name}, whose values are no labels",)
    )


def named(path: Path, numbers: Sequence[str]) -> list[str] | None:
    """Return the names of classes that are told by number, as a .npz file gives them in ``class_names``.

    Args:
        path: the file with the numbers.
        numbers: what it calls its classes.

    Returns:
        A name for each; None where they are no numbers, or the file does not name them all.
    """
    if path.suffix.lower() != ".npz" or not all(number.isdecimal() for number in numbers):
        return None
    with _opened(path) as arrays:
        if CLASS_NAMES not in arrays.files:
            return None
        names = as_text(path, _member(path, arrays, CLASS_NAMES))
    fits = names.ndim == 1 and names.dtype.kind == "U" and all(int(number) < len(names) for number in numbers)
    return [str(names[int(number)]) for number in numbers] if fits else None


def labels_beside(path: Path) -> Path | None:
    """Return the .npy file with the labels of another in the same folder, which its name tells; None without one."""
    if path.name == LABEL_FILE:
        return None
    stems = [file.stem for file in path.parent.glob("*.npy") if file.is_file()]
    name = LABEL_STEM if LABEL_STEM in stems else find_labels(sorted(stems), path.stem)
    return None if name is None else path.with_name(f"{name}.npy")


def _map(path: Path) -> NDArray[Any]:
    try:
        with np.errstate(over="ignore"):  # shapes beyond all numbers are refused after that
            return open_memmap(path, mode="r")
    except Exception as error:  # damaged headers raise whatever they make the reader stumble over
        raise _unreadable(path, error) from error


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """Open an archive of arrays.

    Raises:
        UnreadableFileError: it is none, or damaged.
    """
    with path.open("rb") as file:
        try:
            arrays: Any = np.load(file, allow_pickle=False)
        except Exception as error:  # as above
            raise _unreadable(path, error) from error
        if isinstance(arrays, np.ndarray):
            raise UnreadableFileError(f"{path}: an archive of arrays wanted, got a single array; rename it to .npy")
        yield arrays


def _open_archive(path: Path, key: str | None, labels_key: str | None) -> ArrayFile:
    with _opened(path) as arrays:
        names: list[str] = arrays.files
        keys = choose_keys(path, names, key, labels_key)
        data = _member(path, arrays, keys.data)
        stored = None if keys.labels is None else _member(path, arrays, keys.labels)
        labels = None if stored is None else keys.labels_of(path, data.shape, stored.shape, lambda: stored)
        return ArrayFile(data, labels, keys.remarks(labels))


def choose_keys(path: Path, names: Sequence[str], key: str | None, labels_key: str | None) -> Keys:
    """Choose the data and the labels among the names of arrays.

    Args:
        path: the file, for messages.
        names: all names in the file.
        key: name of the data; by default the only one besides the labels, or a word for data, or the one of the part
            to train on.
        labels_key: name of the labels, or "none"; by default the one whose words tell it, see ``label_names``.

    Raises:
        DataError: no such name, or several candidates.
    """
    told = None if labels_key == NO_LABELS else labels_key
    for option, name in (("key", key), ("labels_key", told)):
        if name is not None and name not in names:
            raise DataError(
                f"{path}: an array '{name}' wanted, got {', '.join(names)}; set data.source.{option} to one of these"
            )
    of_data = key or _find_data(path, [name for name in names if name != told])
    of_labels = told or (None if labels_key == NO_LABELS else find_labels(names, of_data))
    of_labels = None if of_labels == of_data else of_labels
    others = tuple(name for name in names if name not in (of_data, of_labels))
    return Keys(of_data, of_labels, others, told=told is not None)


def _member(path: Path, arrays: Any, name: str) -> NDArray[Any]:
    try:
        found = arrays[name]
    except Exception as error:  # as above
        raise _unreadable(path, error, name) from error
    if not isinstance(found, np.ndarray):
        raise UnreadableFileError(f"{path}: arrays wanted, got '{name}', which is none; write it with numpy.savez")
    return found


def _unreadable(path: Path, error: Exception, name: str = "") -> DataError:
    reason = one_line(error)
    if "Object arrays" in reason or "Python objects" in reason:
        wanted, advice = "an array of numbers", "bring all samples to one shape and save them with numpy.save"
        if name:
            wanted += f" or of text in '{name}'"
            advice = "save labels as text, with .astype(str), and samples in one shape"
        return DataError(f"{path}: {wanted} wanted, got Python objects; {advice}")
    said = reason.partition(" when ")[0]
    return UnreadableFileError(f"{path}: cannot be read as an array file ({said}); write it with numpy.save")


def _find_data(path: Path, names: list[str]) -> str:
    others = [name for name in names if find_labels([name]) is None] or [n for n in names if n not in LABEL_KEYS]
    found = others if len(others) == 1 else [name for name in DATA if name in others]
    found = found or [name for name in others if is_of_data(name) and part_of_words(words(name)) == TRAIN][:2]
    if not found or (len(found) > 1 and found[0] not in DATA):
        raise DataError(
            f"{path}: one array of data wanted, got {', '.join(others) or 'none'}; set data.source.key to one of these"
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
