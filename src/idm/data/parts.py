"""Parts of data that were split before: files or folders whose names say train, validation or test."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from idm.core.errors import DataError
from idm.data.remarks import listed

TRAIN, VALIDATION, TEST = "train", "val", "test"

WORDS = {
    TRAIN: ("train", "training", "trn"),
    VALIDATION: ("val", "valid", "validation", "dev"),
    TEST: ("test", "testing", "tst", "eval"),
}

PART_OF = {word: part for part, words in WORDS.items() for word in words}
"""Which part each word stands for."""


@dataclass(frozen=True)
class Chosen:
    """The files of the part that is read.

    Attributes:
        files: their paths.
        below: the same without the folder that names the part, which says nothing of classes.
        remarks: what is worth knowing of the other parts, a line each.
    """

    files: tuple[str, ...]
    below: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def part_of_words(words: Sequence[str]) -> str | None:
    """Return the part that the first of some words in lower case stands for; None if none does."""
    return next((PART_OF[word] for word in words if word in PART_OF), None)


def parts_of(files: Sequence[str], *, every: bool) -> list[str | None] | None:
    """Say which part each file belongs to, None for files of no part; None where nothing is split.

    Folders count before names of files. There must be a part to train on, and another.

    Args:
        files: paths with forward slashes.
        every: let names of files count only where every one names a part, as pictures of trains and tests might not.
    """
    by_folder = [part_of_words([folder.lower() for folder in file.split("/")[:-1]]) for file in files]
    if _are_split(by_folder):
        return by_folder
    by_name = [part_of_words(re.findall(r"[^\W_]+", PurePosixPath(file).name.lower())) for file in files]
    return by_name if _are_split(by_name) and not (every and None in by_name) else None


def _are_split(parts: Sequence[str | None]) -> bool:
    return TRAIN in parts and not {VALIDATION, TEST}.isdisjoint(parts)


def choose_part(where: object, files: Sequence[str], part: str | None, *, every: bool) -> Chosen:
    """Choose the files of a part; all where no part is asked for, with a remark if there are several.

    Args:
        where: the folder, for messages.
        files: paths in it.
        part: one of train, val and test; None: all.
        every: see ``parts_of``.

    Raises:
        DataError: no files of that part.
    """
    parts = parts_of(files, every=every)
    if part is None:
        return Chosen(tuple(files), tuple(files), () if parts is None else (_together(parts),))
    name = PART_OF.get(part.lower())
    rows = [row for row, found in enumerate(parts or ()) if name is not None and found == name]
    if not rows:
        found = listed(sorted({str(found) for found in parts if found})) if parts else "folders and files of no parts"
        raise DataError(
            f"{where}: files of the part '{part}' wanted, got {found}; set data.source.split to another, or to null"
        )
    chosen = tuple(files[row] for row in rows)
    others = [file for row, file in enumerate(files) if row not in set(rows)]
    return Chosen(chosen, tuple(map(_below, chosen)), (_left_out(where, name, parts or [], others),))


def _below(file: str) -> str:
    """Return what tells the class of a file: the path below the folder that names its part, or else above it."""
    *folders, name = file.split("/")
    place = next((row for row, folder in enumerate(folders) if folder.lower() in PART_OF), None)
    if place is None:
        return file
    return "/".join([*(folders[place + 1 :] or folders[:place]), name])


def _together(parts: Sequence[str | None]) -> str:
    names = listed(sorted({part for part in parts if part is not None}))
    return f"the parts {names} are read as one; data.source.split=train reads one of them"


def _left_out(where: object, part: str | None, parts: Sequence[str | None], others: Sequence[str]) -> str:
    counts = {name: parts.count(name) for name in (TRAIN, VALIDATION, TEST, None) if name != part}
    left = ", ".join(f"{count:,} files of {name or 'no part'}" for name, count in counts.items() if count)
    folder = next((found for found in map(_folder_of_part, others) if found is not None), None)
    scored = "" if folder is None else f", and 'idm evaluate RUN --data {shlex.quote(f'{where}/{folder}')}' scores it"
    found = f"only the part {part} is read; not read: {left}, such as {others[0]}"
    return f"{found}; data.source.split chooses another{scored}"


def _folder_of_part(file: str) -> str | None:
    """Return the folder that names the part of a file; None where none does."""
    folders = file.split("/")[:-1]
    return next(("/".join(folders[: row + 1]) for row, name in enumerate(folders) if name.lower() in PART_OF), None)
