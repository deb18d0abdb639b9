"""A folder for results: one command at a time, all of its files or none, and nothing of anybody else's is replaced."""

import tempfile
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from idm.core.errors import SettingsError
from idm.core.places import exists, file_in, folder_in, remove, usable_folder
from idm.report.record import Entry, Recognise, Record, entry_of
from idm.training.lock import locked

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

    def __init__(self, folder: Path, earlier: Record) -> None:
        """Take over a folder in which there is what ``earlier`` says."""
        self.folder, self.replaces = folder, earlier.what
        self._earlier, self._written = earlier, dict[str, tuple[Entry | None, ...]]()

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
            raise SettingsError(
                f"--out {self.folder}: a folder without other files of these names wanted, got {foreign[0]}{more}, "
                "which this program did not write; move it away, or choose another folder"
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
        Record(what, both).write(self.folder)
        for name in before.keys() - self._written.keys():
            if self._earlier.has(self.folder, name):
                self._path(name).unlink()
        for name in names:
            path = self._path(name)
            path.parent.mkdir(exist_ok=True)
            (new / name).replace(path)
        for parent in {self._path(name).parent for name in before} - {self.folder}:
            with suppress(OSError):  # not empty
                parent.rmdir()
        Record(what, self._written).write(self.folder)
        self._earlier = Record()

    def _path(self, name: str) -> Path:
        return file_in(self.folder, *name.split("/"))


@contextmanager
def results_in(folder: Path, names: Collection[str], recognise: Recognise) -> Generator[Results]:
    """Hold a folder for the results of a command, before its work begins.

    Args:
        folder: the folder; made, and removed again if nothing is written.
        names: what is to be written, by names in the folder.
        recognise: tells what an older version wrote there.

    Raises:
        SettingsError: there are other files of those names.
        CheckpointError: the folder cannot be written to, another command works in it, or there are links in it.
    """
    with usable_folder(folder), locked(folder, LOCK):
        remove(folder / UNFINISHED)
        results = Results(folder, Record.read(folder) or recognise(folder) or Record())
        results.require_free(names)
        try:
            yield results
        finally:
            remove(folder / UNFINISHED)
