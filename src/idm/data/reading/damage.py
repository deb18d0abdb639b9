"""What a library stumbles over in a damaged file, said in one line with the file's name."""

from collections.abc import Generator
from contextlib import contextmanager

from idm.core.errors import DataError, UnreadableFileError
from idm.core.text import one_line


@contextmanager
def reading(where: object, kind: str, way_out: str) -> Generator[None, None, None]:
    """Turn whatever is raised on reading a file into a refusal of that file; what is refused already stays as it is.

    Args:
        where: the file.
        kind: what it should be, with its article.
        way_out: what to do.

    Raises:
        UnreadableFileError: something was raised.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # libraries raise several kinds for damaged files
        raise UnreadableFileError(f"{where}: cannot be read as {kind} ({one_line(error)}); {way_out}") from error
