"""Files of JSON lines that a run appends to: what it measured, and what happened to it."""

import json
import os
from pathlib import Path
from typing import Any

from idm.core.files import write_atomically
from idm.core.places import file_in, has_other_names, open_in_place
from idm.core.progress import warn
from idm.storage.disk import sync


class JsonLines:
    """An append-only file of JSON lines; a resumed run first drops what came after its checkpoint.

    Lines that a full disk refuses are kept in memory and written with the next one.
    """

    def __init__(self, path: Path, length: int = 0) -> None:
        """Keep the first ``length`` bytes of ``path``; a file that is not there is made by the first line.

        Raises:
            CheckpointError: there is a link or another kind of thing in its place.
        """
        self.path = file_in(path.parent, path.name)
        self._waiting = ""
        if path.exists() and has_other_names(path):  # a copy of the run may have the file, too
            write_atomically(path, path.read_bytes(), durable=True)
        self.cut(length)

    @property
    def length(self) -> int:
        """Size in bytes of what is written."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, row: dict[str, Any]) -> None:
        """Write one line, or keep it where the disk refuses."""
        self._waiting += json.dumps(row) + "\n"
        try:
            self._write()
        except OSError as error:
            warn(f"{self.path}: cannot write ({error.strerror or error}); what belongs there is written later")

    def commit(self) -> int:
        """Have all lines reach the disk, and return the size in bytes.

        Raises:
            OSError: the disk refuses.
        """
        self._write()
        if self.path.exists():
            sync(self.path)
        return self.length

    def cut(self, length: int) -> None:
        """Drop everything after the first ``length`` bytes."""
        self._waiting = ""
        if self.path.exists():
            os.truncate(self.path, min(length, self.length))

    def _write(self) -> None:
        if not self._waiting:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.length
        try:
            with open_in_place(self.path, "a") as stream:
                stream.write(self._waiting)
        except OSError:
            if self.path.exists():
                os.truncate(self.path, whole)
            raise
        self._waiting = ""
