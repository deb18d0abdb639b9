"""Opening .npy and .npz files without running anything in them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.arrays.keys import ArrayFile, Keys
from idm.data.arrays.named import choose_arrays
from idm.data.arrays.on_disk import OnDisk
from idm.data.beside import Beside
from idm.data.label_names import NO_LABELS, find_labels

LABEL_STEM = "labels"
LABEL_FILE = f"{LABEL_STEM}.npy"


def open_arrays(path: Path, key: str | None, labels_key: str | None, apart: tuple[str, ...] = ()) -> ArrayFile:
    """Open a .npy file (left on disk) with its ``labels.npy``, or read data and labels from a .npz file.

    Other .npy files beside a .npy file may hold something else of each sample.

    Raises:
        UnreadableFileError: not such a file, or damaged.
        DataError: no such key, no data, several candidates, Python objects, or labels that do not fit.
    """
    if not path.is_file():
        raise DataError(f"{path}: a .npy or .npz file wanted, got {kind_at(path)}")
    if path.suffix.lower() == ".npz":
        return _open_archive(path, key, labels_key, apart)
    if key is not None or labels_key not in (None, NO_LABELS):
        raise DataError(
            f"{path}: a .npz file wanted, where arrays have names; leave out data.source.key and data.source.labels_key"
        )
    data, beside = array_on_disk(path), None if labels_key == NO_LABELS else labels_beside(path)
    others = Beside(tuple(stem for stem in _stems(path) if stem != path.stem), partial(_read_beside, path.absolute()))
    if beside is None or beside.stem in apart:
        return ArrayFile(data, None, beside=others)
    keys, labels = Keys(path.stem, beside.stem, (), told=beside.name == LABEL_FILE), array_on_disk(beside)
    found = keys.labels_of(beside, data.shape, labels.shape, lambda: labels[...])
    remarks = () if found is not None else (f"not read: {beside.name}, whose values are no labels",)
    return ArrayFile(data, found, remarks, beside=others)


def labels_beside(path: Path) -> Path | None:
    """Return the .npy file with the labels of another in the same folder, which its name tells; None without one."""
    if path.name == LABEL_FILE:
        return None
    stems = _stems(path)
    name = LABEL_STEM if LABEL_STEM in stems else find_labels(stems, path.stem)
    return None if name is None else path.with_name(f"{name}.npy")


def _stems(path: Path) -> list[str]:
    """Names of all .npy files in the folder of one, without their suffix."""
    return sorted(file.stem for file in path.parent.glob("*.npy") if file.is_file())


def _read_beside(path: Path, name: str) -> NDArray[Any]:
    return array_on_disk(path.with_name(f"{name}.npy"))[...]


def array_on_disk(path: Path) -> OnDisk:
    """Leave the array of a .npy file on disk.

    Raises:
        UnreadableFileError: not such a file, or damaged.
        DataError: it holds Python objects.
    """
    try:
        with np.errstate(over="ignore"):  # shapes beyond all numbers are refused after that
            found = open_memmap(path, mode="r")  # nothing of it is looked at
            return OnDisk.of(path, found.dtype, found.offset, found.shape, found.strides)
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


def _open_archive(path: Path, key: str | None, labels_key: str | None, apart: tuple[str, ...]) -> ArrayFile:
    with _opened(path) as arrays:
        found = choose_arrays(path, arrays.files, key, labels_key, partial(_member, path, arrays), apart)
    return replace(found, beside=Beside(found.beside.names, partial(_read_member, path)))


def _read_member(path: Path, name: str) -> NDArray[Any]:
    """Read an array of an archive that was closed."""
    with _opened(path) as arrays:
        return _member(path, arrays, name)


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
