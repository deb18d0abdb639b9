"""Opening .npy and .npz files without running anything in them, and finding data and labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError

DATA_KEYS = ("data", "images", "x", "arr_0")
LABEL_KEYS = ("labels", "y")
LABEL_FILE = "labels.npy"


@dataclass(frozen=True)
class ArrayFile:
    """What an array file holds.

    Attributes:
        data: the samples along the first axis.
        labels: one integer or string per sample, [n]; None where there are none.
    """

    data: NDArray[Any]
    labels: NDArray[Any] | None


def open_arrays(path: Path, key: str | None, labels_key: str | None) -> ArrayFile:
    """Open a .npy file (left on disk) with its ``labels.npy``, or read data and labels from a .npz file.

    Raises:
        UnreadableFileError: not such a file, or damaged.
        DataError: no such key, no data, several candidates, Python objects, or labels that do not fit.
    """
    if not path.is_file():
        raise DataError(f"{path}: a .npy or .npz file wanted, got {'a folder' if path.exists() else 'nothing there'}")
    if path.suffix.lower() == ".npz":
        return _open_archive(path, key, labels_key)
    if key is not None or labels_key is not None:
        raise DataError(
            f"{path}: a .npz file wanted, where arrays have names; leave out data.source.key and labels_key"
        )
    data, beside = _map(path), path.with_name(LABEL_FILE)
    has_labels = beside.is_file() and path.name != LABEL_FILE
    return ArrayFile(data, check_labels(beside, _map(beside), data.shape) if has_labels else None)


def _map(path: Path) -> NDArray[Any]:
    try:
        with np.errstate(over="ignore"):  # shapes beyond all numbers are refused after that
            return open_memmap(path, mode="r")
    except Exception as error:  # damaged headers raise whatever they make the reader stumble over
        raise _unreadable(path, error) from error


def _open_archive(path: Path, key: str | None, labels_key: str | None) -> ArrayFile:
    with path.open("rb") as file:
        try:
            arrays: Any = np.load(file, allow_pickle=False)
        except Exception as error:  # as above
            raise _unreadable(path, error) from error
        if isinstance(arrays, np.ndarray):
            raise UnreadableFileError(f"{path}: an archive of arrays wanted, got a single array; rename it to .npy")
        names: list[str] = arrays.files
        of_data, of_labels = choose_keys(path, names, key, labels_key)
        data = _member(path, arrays, of_data)
        labels = None if of_labels is None else check_labels(path, _member(path, arrays, of_labels), data.shape)
        return ArrayFile(data, labels)


def choose_keys(path: Path, names: Sequence[str], key: str | None, labels_key: str | None) -> tuple[str, str | None]:
    """Choose the data and the labels among the names of arrays.

    Args:
        path: the file, for messages.
        names: all names in the file.
        key: name of the data; by default the only one besides the labels, or one of ``DATA_KEYS``.
        labels_key: name of the labels; by default one of ``LABEL_KEYS``, if there is one.

    Raises:
        DataError: no such name, or several candidates.
    """
    of_labels = labels_key or next((name for name in LABEL_KEYS if name in names), None)
    of_data = key or _find_data(path, [name for name in names if name != of_labels])
    for name in (of_data, of_labels):
        if name is not None and name not in names:
            raise DataError(f"{path}: an array '{name}' wanted, got {', '.join(names)}; choose one of these")
    return of_data, None if of_labels == of_data else of_labels


def _member(path: Path, arrays: Any, name: str) -> NDArray[Any]:
    try:
        found = arrays[name]
    except Exception as error:  # as above
        raise _unreadable(path, error) from error
    if not isinstance(found, np.ndarray):
        raise UnreadableFileError(f"{path}: arrays wanted, got '{name}', which is none; write it with numpy.savez")
    return found


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = one_line(error)
    if "Object arrays" in reason or "Python objects" in reason:
        return DataError(
            f"{path}: an array of numbers wanted, got Python objects (samples of different shapes?); "
            "bring all samples to one shape and save them with numpy.save"
        )
    said = reason.partition(" when ")[0]
    return UnreadableFileError(f"{path}: cannot be read as an array file ({said}); write it with numpy.save")


def _find_data(path: Path, names: list[str]) -> str:
    found = names if len(names) == 1 else [name for name in DATA_KEYS if name in names]
    if not found:
        raise DataError(
            f"{path}: one array of data wanted, got {', '.join(names) or 'none'}; set data.source.key to one of these"
        )
    return found[0]


def check_labels(path: Path, labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the labels of data of that shape.

    Raises:
        DataError: not one integer or string per sample.
    """
    if labels.shape != shape[:1] or labels.dtype.kind not in "buiUS":
        raise DataError(
            f"{path}: one integer or string per sample, {shape[:1]}, wanted as labels, "
            f"got {labels.dtype} of shape {labels.shape}; save class numbers, or move the labels away"
        )
    return labels


def one_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
