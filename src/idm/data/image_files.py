"""Finding the image files of a folder, and reading their classes from where they lie or what they are called."""

import os
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from idm.core.errors import DataError
from idm.data.base import Indices, number_classes

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""Kinds of image files that are read, in lower case."""

LabelRule = Literal["auto", "folder", "prefix", "none"]


def find_files(root: Path) -> tuple[list[str], list[str]]:
    """List the image files below ``root`` and the other files, as sorted relative paths with forward slashes.

    Hidden files and folders are skipped. Links to folders are followed, each folder is entered once.

    Raises:
        DataError: no such folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: a folder of images wanted, got {'a file' if root.exists() else 'nothing there'}")
    images: list[str] = []
    others: list[str] = []
    entered = {root.resolve()}
    for folder, names, files in os.walk(root, followlinks=True):
        here = Path(folder)
        names[:] = [name for name in sorted(names) if not name.startswith(".") and _first_visit(here / name, entered)]
        for name in files:
            if not name.startswith("."):
                kind = images if Path(name).suffix.lower() in SUFFIXES else others
                kind.append((here / name).relative_to(root).as_posix())
    return sorted(images), sorted(others)


def _first_visit(folder: Path, entered: set[Path]) -> bool:
    target = folder.resolve()
    if target in entered:
        return False
    entered.add(target)
    return True


def read_labels(files: list[str], rule: LabelRule) -> tuple[Indices | None, tuple[str, ...] | None, str]:
    """Return the class of each file, the class names in sorted order, and a note.

    Args:
        files: relative paths.
        rule: "folder": the first folder of the path. "prefix": the file name up to its first "_". "none": no
            classes. "auto": folders, if every file lies in one of several; else prefixes, if every file has one, there
            are several, and each is shared by several files; else none.

    Raises:
        DataError: a file without a folder or prefix where the rule asks for one, or no such rule.
    """
    if rule == "none":
        return None, None, "no labels"
    if rule == "folder":
        return *number_classes(
            np.array([_named(file, _folder(file), "a sub-folder") for file in files])
        ), "labels from sub-folders"
    if rule == "prefix":
        return *number_classes(
            np.array([_named(file, _prefix(file), "a '_' in its name") for file in files])
        ), "labels from file names"
    if rule == "auto":
        return read_labels(files, _guess(files))
    raise DataError(f"labels: auto, folder, prefix or none wanted, got '{rule}'")


def _guess(files: list[str]) -> LabelRule:
    folders, prefixes = Counter(map(_folder, files)), Counter(map(_prefix, files))
    if len(folders) > 1 and "" not in folders:
        return "folder"
    if len(prefixes) > 1 and "" not in prefixes and min(prefixes.values()) > 1:
        return "prefix"
    return "none"


def _folder(file: str) -> str:
    return file.split("/")[0] if "/" in file else ""


def _prefix(file: str) -> str:
    return file.rpartition("/")[2].partition("_")[0] if "_" in file.rpartition("/")[2] else ""


def _named(file: str, name: str, wanted: str) -> str:
    if not name:
        raise DataError(f"{file}: {wanted} wanted, which names its class; rename it, or choose another rule for labels")
    return name
