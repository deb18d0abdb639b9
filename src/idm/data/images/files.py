"""Finding the image files of a folder, and reading their classes from where they lie or what they are called."""

import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.base import Indices, number_classes
from idm.data.own_results import walk_without_results

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""Kinds of image files that are read, in lower case."""

LabelRule = Literal["auto", "folder", "parent", "path", "prefix", "none"]


def find_files(root: Path) -> tuple[list[str], list[str]]:
    """List the image files below ``root`` and the other files, as sorted relative paths with forward slashes.

    Hidden files and folders are skipped, and so are runs and results that this program wrote, unless they are asked for
    themselves. Links to folders are followed, each folder is entered once.

    Raises:
        DataError: no such folder; image files with line breaks, control characters or no UTF-8 in their names.
    """
    if not root.is_dir():
        raise DataError(f"{root}: a folder of images wanted, got {kind_at(root)}")
    images: list[str] = []
    others: list[str] = []
    entered = {root.resolve()}
    for here, names, files in walk_without_results(root, follow_links=True):
        names[:] = [name for name in sorted(names) if not name.startswith(".") and _first_visit(here / name, entered)]
        for name in files:
            if not name.startswith("."):
                kind = images if Path(name).suffix.lower() in SUFFIXES else others
                kind.append((here / name).relative_to(root).as_posix())
    _refuse_names(root, [file for file in sorted(images) if not _is_text(file)])
    return sorted(images), sorted(map(_as_text, others))


def _is_text(file: str) -> bool:
    """Whether a name fits into one line of UTF-8, as messages and records want it."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in file)


def _as_text(file: str) -> str:
    return file if _is_text(file) else file.encode("unicode_escape").decode()


def _refuse_names(root: Path, files: list[str]) -> None:
    if files:
        shown = ", ".join(f"'{_as_text(file)}'" for file in files[:3])
        more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
        raise DataError(f"{root}: file names of one line in UTF-8 wanted, got {shown}{more}; rename them")


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
        rule: "folder": the first folder of the path. "parent": the last, in which the file lies. "path": all of them,
            as "cat/tabby". "prefix": the file name up to its first "_". "none": no classes. "auto": folders, if every
            file lies in one of several; else prefixes, if every file has one, there are several, and each is shared by
            several files; else none.

    Raises:
        DataError: a file without a folder or prefix where the rule asks for one, or no such rule.
    """
    if rule == "none":
        return None, None, "no labels"
    if rule == "auto":
        return read_labels(files, _guess(files))
    if rule not in RULES:
        raise DataError(f"labels: auto, folder, parent, path, prefix or none wanted, got '{rule}'")
    name, wanted, note = RULES[rule]
    labels, class_names = number_classes(np.array([_named(file, name(file), wanted) for file in files]))
    return labels, class_names, note


def read_label_names(files: list[str], rule: LabelRule) -> tuple[NDArray[Any] | None, str]:
    """Return the class name of each file, and a note; arguments and errors as of ``read_labels``."""
    labels, class_names, note = read_labels(files, rule)
    return None if labels is None or class_names is None else np.array(class_names)[labels], note


def _guess(files: list[str]) -> LabelRule:
    folders, prefixes = Counter(map(_folder, files)), Counter(map(_prefix, files))
    if len(folders) > 1 and "" not in folders:
        return "folder"
    if len(prefixes) > 1 and "" not in prefixes and min(prefixes.values()) > 1:
        return "prefix"
    return "none"


def _folder(file: str) -> str:
    return file.split("/")[0] if "/" in file else ""


def _parent(file: str) -> str:
    return file.rpartition("/")[0].rpartition("/")[2]


def _path(file: str) -> str:
    return file.rpartition("/")[0]


def _prefix(file: str) -> str:
    return file.rpartition("/")[2].partition("_")[0] if "_" in file.rpartition("/")[2] else ""


def _named(file: str, name: str, wanted: str) -> str:
    if not name:
        raise DataError(f"{file}: {wanted} wanted, which names its class; rename it, or set data.source.labels=none")
    return name


RULES: dict[str, tuple[Callable[[str], str], str, str]] = {
    "folder": (_folder, "a sub-folder", "labels from sub-folders"),
    "parent": (_parent, "a sub-folder", "labels from the folders that hold the files"),
    "path": (_path, "a sub-folder", "labels from the whole paths of folders"),
    "prefix": (_prefix, "a '_' in its name", "labels from file names"),
}
"""How each rule names the class of a file, what it wants, and what is noted of it."""
