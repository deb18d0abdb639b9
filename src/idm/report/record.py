"""The record of what was written to a folder for results: it tells which files there are ours and may be replaced."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idm.core.places import file_in
from idm.training.disk import replace_text

RECORD = ".results.json"
LARGEST_RECORD = 64 * 2**20
"""Bytes of the largest record that is read; one that is larger is none of ours."""

NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)?[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""What is written has such names: at most one folder deep, and none leads out of the folder."""

Entry = tuple[int, str]
"""Bytes and SHA-256 of a file."""

Files = Mapping[str, tuple[Entry | None, ...]]
"""What files may be, by name; None: anything, as it was recognised otherwise."""


@dataclass(frozen=True)
class Record:
    """What was written to a folder.

    Attributes:
        what: what it is, in a few words; empty if nothing was written.
        files: what each file may be, by name: several things while it is replaced.
    """

    what: str = ""
    files: Files = field(default_factory=dict[str, tuple[Entry | None, ...]])

    @classmethod
    def read(cls, folder: Path) -> "Record | None":
        """Read the record of a folder; None if there is none.

        Raises:
            CheckpointError: there is a link or another kind of thing in its place.
        """
        plain = read_object(file_in(folder, RECORD))
        try:
            return cls(str(plain["what"]), _files(plain["files"]))
        except (LookupError, TypeError, ValueError, AttributeError):
            return None

    def write(self, folder: Path) -> None:
        """Write the record, whole or not at all.

        Raises:
            OSError: the disk refuses.
        """
        plain = {"what": self.what, "files": dict(self.files)}
        replace_text(file_in(folder, RECORD), json.dumps(plain, indent=0) + "\n")

    def has(self, folder: Path, name: str) -> bool:
        """Whether the file that has that name now is one that was written.

        Raises:
            CheckpointError: there is a link or another kind of thing in its place.
        """
        path = file_in(folder, *name.split("/"))
        known = self.files.get(name, ())
        if not known or not path.is_file():
            return False
        return None in known or (_has_size(path, known) and entry_of(path) in known)


def entry_of(path: Path) -> Entry:
    """Return what the record says of a file."""
    with path.open("rb") as stream:
        return path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest()


Recognise = Callable[[Path], Record | None]
"""Given a folder without a record: what an older version wrote there, if it did."""


def by_summary(what: str, summary: str, keys: Collection[str], names: Collection[str]) -> Recognise:
    """Return what recognises the results of versions without records by a JSON file among them with those keys."""

    def recognise(folder: Path) -> Record | None:
        known = set(keys) <= read_object(folder / summary).keys()
        return Record(what, anything(names)) if known else None

    return recognise


def anything(names: Collection[str]) -> Files:
    """Return files that are recognised by their names alone."""
    return dict.fromkeys(names, (None,))


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of bounded size; an empty one if the file holds something else, or is none."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_RECORD:
            return {}
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _has_size(path: Path, entries: Collection[Entry | None]) -> bool:
    return path.stat().st_size in {entry[0] for entry in entries if entry is not None}


def _files(plain: Mapping[str, Any]) -> Files:
    """Read files from JSON.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: they are none.
    """
    if not all(NAME.fullmatch(name) for name in plain):
        raise ValueError("names of files in the folder wanted")
    return {
        name: tuple(None if entry is None else (int(entry[0]), str(entry[1])) for entry in entries)
        for name, entries in plain.items()
    }
