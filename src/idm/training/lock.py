"""One trainer at a time in a run folder."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from idm.core.errors import CheckpointError

LOCK = ".lock"

_held: set[IO[str]] = set()


@contextmanager
def locked(run: Path) -> Generator[None]:
    """Hold a run folder for this process; the lock goes with the process, however that ends.

    Args:
        run: folder of the run; made if it is not there.

    Raises:
        CheckpointError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # only Unix has it
        yield
        return
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK).open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            holder = stream.read(200).strip() or "another process"
            raise CheckpointError(
                f"{run}: a folder that nothing else works in wanted, but {holder} does; stop that, or choose another"
            ) from error
        except OSError:  # a file system without locks
            yield
            return
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}")
        stream.flush()
        _held.add(stream)
        try:
            yield
        finally:
            _held.discard(stream)


def _let_go() -> None:
    """Close in a copy of this process what is held: otherwise the lock would last as long as the copy."""
    for stream in _held:
        stream.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
