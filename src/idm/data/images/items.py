"""Where an encoded image lies: a file of its own, or a part of something larger."""

import hashlib
import io
import zlib
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from idm.core.errors import DataError, UnreadableFileError


class ImageItem(ABC):
    """One encoded image that is no file of its own. ``str`` gives its name in messages."""

    @abstractmethod
    def open(self) -> io.BytesIO:
        """Return a stream of the encoded bytes."""

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """How many encoded bytes there are."""


Place = Path | ImageItem
"""A file, or an item in something larger."""


@dataclass(frozen=True)
class Slice(ImageItem):
    """Some bytes of a larger file, such as a member of a tar archive.

    Attributes:
        file: the larger file.
        name: name of the image in it.
        offset: where its bytes begin.
        length: how many they are.
    """

    file: Path
    name: str
    offset: int
    length: int

    def __str__(self) -> str:
        """Name the larger file and the image in it."""
        return f"{self.file}/{self.name}"

    def open(self) -> io.BytesIO:
        """Read the bytes."""
        return io.BytesIO(self.read())

    def read(self) -> bytes:
        """Return the bytes."""
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)

    @property
    def num_bytes(self) -> int:
        """How many bytes there are."""
        return self.length


@dataclass(frozen=True)
class Deflated(ImageItem):
    """A file in a zip archive that is packed by deflate.

    Attributes:
        plain: its name, where its packed bytes begin, and how many it has unpacked.
        packed: how many packed bytes there are.
    """

    plain: Slice
    packed: int

    def __str__(self) -> str:
        """Name the archive and the file in it."""
        return str(self.plain)

    def open(self) -> io.BytesIO:
        """Unpack it, which makes no more bytes than were said.

        Raises:
            UnreadableFileError: damaged, or of another size.
        """
        content = Slice(self.plain.file, self.plain.name, self.plain.offset, self.packed).read()
        try:
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, self.plain.length + 1)
        except zlib.error as error:
            raise UnreadableFileError(f"{self}: cannot be unpacked ({error}); write the archive anew") from error
        if len(unpacked) != self.plain.length:
            raise UnreadableFileError(f"{self}: cannot be unpacked (of another size); write the archive anew")
        return io.BytesIO(unpacked)

    @property
    def num_bytes(self) -> int:
        """How many bytes there are, unpacked."""
        return self.plain.length


@dataclass(frozen=True, slots=True)
class Indexed(ImageItem):
    """An image whose bytes must be those that were indexed.

    Attributes:
        place: where it lies.
        length: how many bytes it had.
        sha256: their hash, hexadecimal.
    """

    place: Path | Slice | Deflated
    length: int
    sha256: str

    def __str__(self) -> str:
        """Name the place."""
        return str(self.place)

    def open(self) -> io.BytesIO:
        """Read the bytes and compare their hash.

        Raises:
            DataError: they are not those that were indexed.
        """
        content = encoded(self.place)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise changed(self.place, "other contents")
        return io.BytesIO(content)

    @property
    def num_bytes(self) -> int:
        """How many bytes there were."""
        return self.length


def changed(place: object, found: str) -> DataError:
    """Say that a file is not what was indexed."""
    return DataError(f"{place}: the file that was indexed wanted, got {found}; restore it, or check the data again")


def header_of(place: Place) -> Path | io.BytesIO:
    """Return what Pillow opens to read a header; an indexed file is then not read as a whole."""
    return place.place if isinstance(place, Indexed) and isinstance(place.place, Path) else source_of(place)


def source_of(place: Place) -> Path | io.BytesIO:
    """Return what Pillow opens."""
    return place if isinstance(place, Path) else place.open()


def encoded(place: Place) -> bytes:
    """Read the encoded bytes.

    Raises:
        UnreadableFileError: they cannot be read any more.
    """
    with _still_there(place):
        return place.read_bytes() if isinstance(place, Path) else place.open().getvalue()


def num_bytes(place: Place) -> int:
    """Return the number of encoded bytes.

    Raises:
        UnreadableFileError: they are not there any more.
    """
    with _still_there(place):
        return place.stat().st_size if isinstance(place, Path) else place.num_bytes


def changed_at(place: Place) -> int:
    """Return when the file that an image lies in came there or was changed, nanoseconds; 0 if that is not known."""
    if isinstance(place, Indexed):
        return changed_at(place.place)
    place = place.plain if isinstance(place, Deflated) else place
    file = place.file if isinstance(place, Slice) else place
    try:
        return file.stat().st_ctime_ns if isinstance(file, Path) else 0
    except OSError:
        return 0


@contextmanager
def _still_there(place: Place) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableFileError(f"{place}: cannot be read ({reason}); check the path") from error
