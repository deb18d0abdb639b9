"""Files and folders inside of a folder that somebody else may have filled: a run, or a folder for results.

What a user names on the command line may be a link. Nothing below it is followed for writing or removing: a link there
may lead to any file of the user's, and a pipe would be waited for endlessly. New content goes into a file of its own,
which takes the place of what has the name.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from idm.core.errors import CheckpointError

PROBE_BYTES = 4096
"""Written to see whether a folder takes files: a block, so that a full disk refuses it."""

KINDS = {
    stat.S_IFLNK: "a link, which is not followed for writing",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
NO_FOLLOWING: int = getattr(os, "O_NOFOLLOW", 0)  # not on every system, where the look before has to do
NO_WAITING: int = getattr(os, "O_NONBLOCK", 0)


def file_in(folder: Path, *names: str) -> Path:
    """Return the path of a file below a folder, which may be there or not; its folder is made when it is written.

    Raises:
        CheckpointError: there is a link or another kind of thing in its place, or on the way there.
    """
    return _checked(folder, names, stat.S_IFREG)


def folder_in(folder: Path, *names: str) -> Path:
    """Return the path of a folder below a folder, which may be there or not.

    Raises:
        CheckpointError: there is a link or another kind of thing in its place, or on the way there.
    """
    return _checked(folder, names, stat.S_IFDIR)


def kind_at(path: Path) -> str:
    """Say what a path leads to: nothing there, a file, a folder, a pipe, a socket or a device."""
    try:
        found = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: no name of a file
        return "nothing there"
    return KINDS.get(found, "a device")


def exists(path: Path) -> bool:
    """Whether there is something of that name, be it a link that leads nowhere."""
    return os.path.lexists(path)


def open_in_place(path: Path, mode: str) -> IO[str]:
    """Open a file to be read or altered where it is, "a" or "a+"; made if it is not there.

    Raises:
        CheckpointError: there is a link or another kind of thing in its place.
        OSError: the disk refuses.
    """
    access = os.O_RDWR if "+" in mode else os.O_WRONLY

    def opener(name: str, _flags: int) -> int:
        _refuse_other_kind(path, stat.S_IFREG)
        flags = access | os.O_CREAT | os.O_APPEND | NO_FOLLOWING | NO_WAITING
        return os.open(name, flags, 0o666)

    return open(path, mode, encoding="utf-8", opener=opener)


def has_other_names(path: Path) -> bool:
    """Whether a file is one with another, by a hard link: what alters it where it is would alter both."""
    return path.lstat().st_nlink > 1


def remove(path: Path) -> None:
    """Remove what has that name, a folder with all in it; links are removed, not followed.

    A disk that refuses is no error.
    """
    with suppress(OSError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


@contextmanager
def usable_folder(folder: Path) -> Generator[None]:
    """Have a folder there that files can be written to; what had to be made of it goes if it is empty at the end.

    Raises:
        CheckpointError: it cannot be made or written to.
    """
    made: list[Path] = []
    try:
        try:
            made += [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            _try_to_write(folder)
        except (OSError, ValueError) as error:  # ValueError: no name of a file
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(
                f"{folder}: a folder that can be written to wanted, got an error ({reason}); choose another"
            ) from error
        yield
    finally:
        for place in made:
            with suppress(OSError, ValueError):
                place.rmdir()


def require_usable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, before there is anything to write; nothing is left of it.

    Raises:
        CheckpointError: it cannot.
    """
    with usable_folder(folder):
        pass


def _try_to_write(folder: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".idm-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(os.urandom(PROBE_BYTES))
    finally:
        Path(name).unlink(missing_ok=True)


def _checked(folder: Path, names: tuple[str, ...], kind: int) -> Path:
    path = folder
    for name in names[:-1]:
        path = path / name
        _refuse_other_kind(path, stat.S_IFDIR)
    path = path / names[-1]
    _refuse_other_kind(path, kind)
    return path


def _refuse_other_kind(path: Path, wanted: int) -> None:
    try:
        found = stat.S_IFMT(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if found != wanted:
        raise CheckpointError(
            f"{path}: {KINDS[wanted]} wanted, got {KINDS.get(found, 'a device')}; remove it, or put {KINDS[wanted]} "
            "itself in its place (what is named on the command line may be a link)"
        )
