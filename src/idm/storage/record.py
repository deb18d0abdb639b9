"""The record of what was written to a folder for results: it tells which files there are ours and may be replaced."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idm.core.places import file_in
from idm.core.text import json_text

RECORD = ".results.json"
LARGEST_RECORD_BYTES = 10 * 2**20
"""Bytes of the largest record that is read, of 100,000 files; one that is larger is none of ours."""

LONGEST_LINE_BYTES = 2**13
"""Bytes of the longest line of a record that is read, so that no odd one costs much."""

NAME = re.compile(r"(?:[\w-][\w.-]*/){0,2}[\w-][\w.-]*")
"""What is written has such names: at most two folders deep, of letters of any script, and none leads out."""

HASH = re.compile(r"[0-9a-f]{64}")

Entry = tuple[int, str]
"""Bytes and SHA-256 of a file."""

Files = Mapping[str, tuple[Entry, ...]]
"""What files may be, by name."""


@dataclass(frozen=True)
class Record:
    """What was written to a folder.

    Attributes:
        what: what it is, in a few words; empty if nothing was written.
        files: what each file may be, by name: several things while it is replaced.
    """

    what: str = ""
    files: Files = field(default_factory=dict[str, tuple[Entry, ...]])

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read the record of a folder; one of nothing if there is none.

        Raises:
            CheckpointError: there is a link or another kind of thing in its place.
        """
        path = file_in(folder, RECORD)
        try:
            if not path.is_file() or path.stat().st_size > LARGEST_RECORD_BYTES:
                return cls()
            with path.open("rb") as stream:
                what = json.loads(stream.readline(LONGEST_LINE_BYTES))["what"]
                lines = iter(lambda: stream.readline(LONGEST_LINE_BYTES), b"")
                return cls(str(what), dict(_file(json.loads(line)) for line in lines))
        except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
            return cls()

    def to_text(self) -> str:
        """Write the record as a text, a file on each line."""
        rows = [{"what": self.what}, *([name, entries] for name, entries in self.files.items())]
        return "".join(json_text(row) + "\n" for row in rows)

    def sizes_fit(self, path: Path, name: str) -> bool:
        """Whether a file is as large as one that was written under that name, which is known without reading it."""
        return path.is_file() and path.stat().st_size in {size for size, _ in self.files.get(name, ())}

    def has(self, folder: Path, name: str) -> bool:
        """Whether the file that has that name now is one that was written.

        Raises:
            CheckpointError: there is a link or another kind of thing in its place.
        """
        path = file_in(folder, *name.split("/"))
        return self.sizes_fit(path, name) and entry_of(path) in self.files[name]


def entry_of(path: Path) -> Entry:
    """Return what the record says of a file."""
    with path.open("rb") as stream:
        return path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest()


def _file(row: Any) -> tuple[str, tuple[Entry, ...]]:
    """Read a file's name and what it may be from a line of the record.

    Raises:
        TypeError, ValueError: it holds something else.
    """
    name, entries = row
    ours = NAME.fullmatch(name) and entries and all(type(size) is int and HASH.fullmatch(sha) for size, sha in entries)
    if not ours:
        raise ValueError("a name in the folder, sizes and hashes wanted")
    return name, tuple((size, sha) for size, sha in entries)
