"""One process, or thread, at a time that works in a folder."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from idm.core.errors import CheckpointError
from idm.core.places import file_in, has_other_names, open_in_place

LOCK = ".lock"

HOLDER = "process "
"""How the content of a lock begins; a file that begins otherwise is somebody's own, and left as it is."""

_held: set[IO[str]] = set()


@contextmanager
def locked(folder: Path, name: str = LOCK) -> Generator[None]:
    """Hold a folder for this block; the lock goes with the process, however that ends, and leaves no file.

    Args:
        folder: the folder; made if it is not there.
        name: what the lock is called: work under another name does not exclude this.

    Raises:
        CheckpointError: another process or thread holds it, or there is a link in place of the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = file_in(folder, name)
    stream = _take(path)
    if stream is None:
        yield
        return
    try:
        _sign(stream)
        _held.add(stream)
        yield
    finally:
        if stream in _held:
            _held.discard(stream)
            _take_away(path, stream)
        stream.close()


def _take(path: Path) -> IO[str] | None:
    """Lock the file of that name; None where there are no locks."""
    try:
        import fcntl
    except ImportError:  # only Unix has them
        return None
    while True:
        stream = open_in_place(path, "a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(path.parent, stream) from error
        except OSError:  # a file system without locks
            _take_away(path, stream)
            stream.close()
            return None
        if _is_at(path, stream):
            if not has_other_names(path):
                return stream
            path.unlink()  # that of a folder that this one is a copy of, by hard links, too
        stream.close()


def _taken(folder: Path, stream: IO[str]) -> CheckpointError:
    with stream:
        holder = (_content(stream).strip() if _is_ours(stream) else "") or "another process"
    return CheckpointError(
        f"{folder}: a folder that nothing else works in wanted, but {holder} does; stop that, or choose another"
    )


def _sign(stream: IO[str]) -> None:
    if _is_ours(stream):
        stream.truncate(0)
        stream.write(f"{HOLDER}{os.getpid()} on {socket.gethostname()}")
        stream.flush()


def _take_away(path: Path, stream: IO[str]) -> None:
    """Remove the file while it is held, so that nobody holds a file of that name without holding the folder."""
    with suppress(OSError):
        if _is_ours(stream) and _is_at(path, stream):
            path.unlink()


def _is_ours(stream: IO[str]) -> bool:
    content = _content(stream)
    return not content or content.startswith(HOLDER)


def _content(stream: IO[str]) -> str:
    stream.seek(0)
    try:
        return stream.read(200)
    except UnicodeDecodeError:
        return "?"


def _is_at(path: Path, stream: IO[str]) -> bool:
    """Whether a name still is that of an opened file."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


def _let_go() -> None:
    """Close in a copy of this process what is held: otherwise the lock would last as long as the copy."""
    for stream in _held:
        stream.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
