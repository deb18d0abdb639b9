"""Writing a file so that readers see the old one or the whole new one, never a part of it."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: str | Path, content: bytes, *, durable: bool = False) -> Path:
    """Write a temporary file next to ``path`` and rename it; folders are made as needed.

    Args:
        path: the file.
        content: what it is to hold.
        durable: wait until the disk has it: for what cannot be made again.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp makes files that only their owner can read
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
