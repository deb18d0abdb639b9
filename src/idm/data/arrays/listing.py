"""The files that a source opens at a path: one, or those of a folder, of the part that is read, and their classes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.base import Indices
from idm.data.images.files import LabelRule, find_files, read_labels
from idm.data.parts import choose_part
from idm.data.remarks import unread_files


@dataclass(frozen=True)
class Listed:
    """Files of one kind.

    Attributes:
        files: their paths.
        names: their names below the folder; the name of the only file where none was given.
        below: the same without what names the part, which says nothing of classes; empty for a file alone.
        remarks: what is worth knowing of the other parts, a line each.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    below: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def labels(self, rule: LabelRule) -> tuple[Indices | None, tuple[str, ...] | None, str]:
        """Return the class of each file, the class names and a note, see ``read_labels``; a file alone has none."""
        return read_labels(list(self.below), rule) if self.below else (None, None, "no labels")


def list_files(where: Path, kind: str, is_one: Callable[[str], bool], split: str | None, *, every: bool) -> Listed:
    """Find the files of a kind below a folder, or take a file as it is.

    Args:
        where: the file or folder.
        kind: what the files are called in messages: "FITS files".
        is_one: whether a file, by its path below the folder, is of the kind.
        split: the part that is read.
        every: see ``choose_part``.

    Raises:
        DataError: nothing there, a folder without such files, or no such part.
    """
    if where.is_file():
        return Listed((where,), (where.name,), ())
    there = [file for some in find_files(where) for file in some] if where.is_dir() else []
    files = [file for file in there if is_one(file)]
    if not files:
        found = "a folder without any" if where.is_dir() else kind_at(where)
        raise DataError(f"{where}: {kind} wanted, got {found}; check the path")
    chosen = choose_part(where, sorted(files), split, every=every)
    remarks = (*chosen.remarks, *unread_files([file for file in there if not is_one(file)]))
    return Listed(tuple(where / file for file in chosen.files), chosen.files, chosen.below, remarks)
