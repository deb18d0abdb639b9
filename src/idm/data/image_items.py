"""Where an encoded image lies: a file of its own, or a part of something larger."""

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path


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


def source_of(place: Place) -> Path | io.BytesIO:
    """Return what Pillow opens."""
    return place if isinstance(place, Path) else place.open()


def num_bytes(place: Place) -> int:
    """Return the number of encoded bytes."""
    return place.stat().st_size if isinstance(place, Path) else place.num_bytes
