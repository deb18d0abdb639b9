"""Standard output and error, which may be closed, a pipe that nobody reads any more, or a file on a full disk."""

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any


class Lasting:
    """A text stream that no work depends on: what it refuses is lost, and work goes on.

    Attributes:
        error: why something was lost first; None: nothing was.
    """

    def __init__(self, stream: Any) -> None:
        """Write to another stream."""
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what the other stream has, of all that is not below."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if it is taken."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush, likewise."""
        self._try(self._stream.flush)

    def let_go(self) -> None:
        """Flush for the last time; what is refused goes nowhere, so that Python's own end does not fail."""
        before, self.error = self.error, None
        self.flush()
        if self.error is not None:
            with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())
        self.error = before or self.error

    def _try(self, call: Any, *arguments: str) -> None:
        try:
            call(*arguments)
        except OSError as error:
            self.error = self.error or error


@contextmanager
def lasting_streams() -> Generator[Lasting]:
    """Have standard output and error lose what is refused; a character that they have no bytes for is written out.

    Yields:
        Standard output, which knows whether it lost something.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it is closed: no file that is opened later shall have its number
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process lives
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    out, err = Lasting(sys.stdout), Lasting(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield out
        finally:
            out.let_go()
            err.let_go()


def output_is_lost() -> bool:
    """Whether standard output refused something, so that nobody may be reading it."""
    return getattr(sys.stdout, "error", None) is not None
