"""Writing a file so that readers see the old one or the whole new one, never a part of it."""

import os
from pathlib import Path


def write_atomically(path: str | Path, content: bytes | str, *, durable: bool = False) -> Path:
    """Write a new file next to ``path``, which then takes its place; folders are made as needed.

    Args:
        path: the file; who may read it is up to the umask, as with any new file.
        content: what it is to hold; text as UTF-8.
        durable: wait until the disk has it: for what cannot be made again.

    Raises:
        OSError: the disk refuses; the old file is there, and whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        write_new(partial, content.encode("utf-8") if isinstance(content, str) else content, durable=durable)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


def write_new(path: Path, content: bytes, *, durable: bool) -> None:
    """Write a file that is not there yet: one that is, or a link, is neither followed nor altered.

    Raises:
        OSError: there is something of that name, or the disk refuses.
    """
    with path.open("xb") as stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
