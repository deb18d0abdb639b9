"""Names of files and classes, whose accents may be one character with their letter or a character of their own."""

import os
import unicodedata
from pathlib import Path


def composed(name: str) -> str:
    """Return a name with accents as one character with their letter (NFC), by which two names are compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


class Finder:
    """Finds files below a folder by names that lists give, whichever way the file system writes their accents."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; nothing is looked into yet.

        Args:
            folder: what names are relative to.
        """
        self._folder = folder
        self._entries: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path:
        """Return the path of a file; of one with other accents only where none has just this name."""
        path = self._folder / name
        if name.isascii() or os.path.lexists(path):
            return path
        here = self._folder
        for part in Path(name).parts:
            exact = here / part
            here = exact if os.path.lexists(exact) else here / self._named_in(here).get(composed(part), part)
        return here

    def _named_in(self, folder: Path) -> dict[str, str]:
        """Names of what lies in a folder, by their composed form."""
        if folder not in self._entries:
            names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            self._entries[folder] = {composed(name): name for name in names}
        return self._entries[folder]
