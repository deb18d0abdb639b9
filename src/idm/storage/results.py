"""A folder for results: one command at a time, all of its files or none, and nothing of anybody else's is replaced."""

import re
import tempfile
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.core.places import exists, file_in, folder_in, remove, usable_folder
from idm.core.text import counted
from idm.storage.lock import locked
from idm.storage.record import RECORD, Entry, Record, entry_of

LOCK = ".results.lock"
"""Another lock than a training's, which may go on in the folder meanwhile."""

UNFINISHED = ".idm-unfinished"
"""Where files are written before all of them take their places."""


class Results:
    """The results of one command on their way to a folder.

    Attributes:
        folder: the folder.
        replaces: what an earlier command wrote there, in a few words; empty if nothing is replaced.
    """

    def __init__(self, folder: Path, record: Record, may_write: Callable[[str], bool], setting: str = "") -> None:
        """Take over a folder: what its record says of files of the names that are written here may be replaced."""
        self._setting = setting
        earlier = {name: entries for name, entries in record.files.items() if may_write(name)}
        self._earlier, self._written = Record(record.what, earlier), dict[str, tuple[Entry, ...]]()
        self._others = {name: entries for name, entries in record.files.items() if name not in earlier}
        # Where commands of several kinds share a folder, the record tells what the last of them wrote.
        what = counted(len(earlier), "file") + " of an earlier command" if self._others else record.what
        self.folder, self.replaces = folder, what if earlier else ""

    @property
    def kept(self) -> list[str]:
        """What earlier commands wrote there under other names, and is left as it is."""
        return [name for name in self._others if exists(self.folder / name)]

    def require_free(self, names: Collection[str]) -> None:
        """Refuse to write files where there are others than an earlier command wrote.

        Args:
            names: what is to be written, by names in the folder.

        Raises:
            SettingsError: there are such files.
            CheckpointError: there is a link or another kind of thing in place of one.
        """
        now = Record("", {**self._earlier.files, **self._written})
        foreign = [name for name in names if exists(self._path(name)) and not now.has(self.folder, name)]
        if foreign:
            more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
            which = self._setting or f"out={self.folder}"
            way = "give another file name" if self._setting else "move it away, or choose another folder"
            raise SettingsError(
                f"{which}: a folder without other files of these names wanted, got {foreign[0]}{more}, which this "
                f"program did not write; {way}"
            )

    def put(self, what: str, write: Callable[[Path], dict[str, Path]]) -> dict[str, Path]:
        """Write files, and then put them in place of what an earlier command wrote.

        Args:
            what: what they are, in a few words.
            write: given a new folder, writes them there, and returns their paths by what they are.

        Returns:
            The paths that they have in the end.

        Raises:
            SettingsError: there are other files of those names by now; the new ones are kept elsewhere.
        """
        new = folder_in(self.folder, UNFINISHED)
        remove(new)
        new.mkdir()
        written = write(new)
        names = sorted(path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file())
        try:
            self.require_free(names)
        except SettingsError as error:
            kept = Path(tempfile.mkdtemp(dir=self.folder, prefix="results-"))
            kept.rmdir()
            new.rename(kept)
            raise SettingsError(f"{error}; the results of this call are in {kept}") from error
        self._take_places(what, new, names)
        remove(new)
        return {name: self.folder / path.relative_to(new) for name, path in written.items()}

    def _take_places(self, what: str, new: Path, names: Collection[str]) -> None:
        """Move files to their places; cut off at any moment, the next command knows all of them as ours."""
        before = {**self._earlier.files, **self._written}
        self._written |= {name: (entry_of(new / name),) for name in names}
        both = {name: self._written.get(name, ()) + before.get(name, ()) for name in {**before, **self._written}}
        write_record(Record(what, self._others | both), self.folder)
        for name in before.keys() - self._written.keys():
            if self._earlier.has(self.folder, name):
                self._path(name).unlink()
        for name in names:
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            (new / name).replace(path)
        above = {parent for name in before for parent in self._path(name).relative_to(self.folder).parents}
        for parent in sorted(above - {Path()}, reverse=True):  # the deepest first
            with suppress(OSError):  # not empty
                (self.folder / parent).rmdir()
        write_record(Record(what, self._others | self._written), self.folder)
        self._earlier = Record()

    def _path(self, name: str) -> Path:
        return file_in(self.folder, *name.split("/"))


def write_record(record: Record, folder: Path) -> None:
    """Write a record to its folder, whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    write_atomically(file_in(folder, RECORD), record.to_text(), durable=True)


@contextmanager
def results_in(folder: Path, names: Collection[str], further: str = "", setting: str = "") -> Generator[Results]:
    """Hold a folder for the results of a command, before its work begins.

    Args:
        folder: the folder; made, and removed again if nothing is written.
        names: what is to be written, by names in the folder.
        further: regular expression of other names of what such a command may have written there.
        setting: the setting that names a single file, with its value; by default ``out`` names the folder.

    Raises:
        SettingsError: there are other files of those names.
        CheckpointError: the folder cannot be written to, another command works in it, or there are links in it.
    """
    with usable_folder(folder), locked(folder, LOCK):
        remove(folder / UNFINISHED)
        ours = re.compile("|".join([*map(re.escape, names), further]))
        results = Results(folder, Record.read(folder), lambda name: ours.fullmatch(name) is not None, setting)
        results.require_free(names)
        try:
            yield results
        finally:
            remove(folder / UNFINISHED)
