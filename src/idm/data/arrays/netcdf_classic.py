"""NetCDF files in the classic formats (CDF-1, CDF-2 and CDF-5): a header that says where variables lie, big-endian.

The grammar is that of the NetCDF User's Guide, appendix B.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from idm.data.arrays.on_disk import OnDisk
from idm.data.arrays.variables import Variable

TYPES = {1: "i1", 2: "S1", 3: "i2", 4: "i4", 5: "f4", 6: "f8", 7: "u1", 8: "u2", 9: "u4", 10: "i8", 11: "u8"}
DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
"""Tags of lists."""

MAGIC = b"CDF"
"""What files begin with, before the version."""

HEADER_BLOCK_BYTES = 2**14
"""Bytes of a header that are read at once."""

UNKNOWN = {4: 2**32 - 1, 8: 2**64 - 1}
"""Number of records of a file that is still written, by the bytes of a number: as many as there are."""

VERSIONS = {1: (4, 4), 2: (4, 8), 5: (8, 8)}
"""Bytes of a number and of a place in the file, by version."""


@dataclass
class _Header:
    """Reads a header from its beginning on.

    Attributes:
        file: the file, of which blocks are read and fields taken from these.
        left: bytes from here to its end.
        width: bytes of a number.
    """

    file: BinaryIO
    left: int
    width: int

    def bytes(self, count: int) -> bytes:
        """Return bytes, and go on to the next multiple of four."""
        if count > self.left:  # before there is room for as many
            raise ValueError("the header is cut off")
        found, padding = self.file.read(count), -count % 4
        if len(found) != count:
            raise ValueError("the header is cut off")
        self.file.read(padding)
        self.left -= count + padding
        return found

    def number(self, width: int) -> int:
        """Return a number, of the size that is given in bytes."""
        return int.from_bytes(self.bytes(width), "big")

    def count(self, tag: int) -> int:
        """Return the length of a list."""
        found, length = self.number(4), self.number(self.width)
        if found != tag and (found or length):
            raise ValueError("a list of another kind")
        return length

    def name(self) -> str:
        """Return a name."""
        return self.bytes(self.number(self.width)).decode()

    def attributes(self) -> dict[str, Any]:
        """Return a list of attributes by name."""
        return dict(self._attribute() for _ in range(self.count(ATTRIBUTES)))

    def _attribute(self) -> tuple[str, Any]:
        name, dtype = self.name(), np.dtype(TYPES[self.number(4)]).newbyteorder(">")
        content = self.bytes(self.number(self.width) * dtype.itemsize)
        return name, content.decode(errors="replace") if dtype.kind == "S" else np.frombuffer(content, dtype)


def read_classic(where: Path) -> list[Variable]:
    """Read the header of a file, and leave its variables on disk.

    Raises:
        ValueError and others: a damaged file.
    """
    stored = where.stat().st_size
    with where.open("rb", buffering=HEADER_BLOCK_BYTES) as file:
        width, of_places = VERSIONS[file.read(len(MAGIC) + 1)[len(MAGIC)]]
        header = _Header(file, stored - file.tell(), width)
        records = header.number(width)
        axes = [(header.name(), header.number(width)) for _ in range(header.count(DIMENSIONS))]
        header.attributes()
        found = [_variable(header, axes, of_places) for _ in range(header.count(VARIABLES))]
    of_records = [entry for entry in found if entry[2] and axes[entry[2][0]][1] == 0]
    sizes = [_size(axes, entry) for entry in of_records]
    stride = sizes[0] if len(sizes) == 1 else sum(size + -size % 4 for size in sizes)
    if records == UNKNOWN[width]:
        begin = min((entry[4] for entry in of_records), default=stored)
        records = (stored - begin) // max(1, stride)
    return [_variable_of(where, axes, entry, records, stride) for entry in found]


Entry = tuple[str, np.dtype[Any], list[int], dict[str, Any], int]
"""Name, dtype, numbers of the axes, attributes, and place of a variable."""


def _variable(header: _Header, axes: list[tuple[str, int]], of_places: int) -> Entry:
    name = header.name()
    numbers = [header.number(header.width) for _ in range(header.number(header.width))]
    attributes, dtype = header.attributes(), np.dtype(TYPES[header.number(4)])
    header.number(header.width)  # its size, which overflows for large ones
    if any(number >= len(axes) for number in numbers):
        raise ValueError("an axis that there is not")
    return name, dtype, numbers, attributes, header.number(of_places)


def _size(axes: list[tuple[str, int]], entry: Entry) -> int:
    return math.prod(axes[number][1] for number in entry[2][1:]) * entry[1].itemsize


def _variable_of(where: Path, axes: list[tuple[str, int]], entry: Entry, records: int, stride: int) -> Variable:
    name, dtype, numbers, attributes, begin = entry
    grows = bool(numbers) and axes[numbers[0]][1] == 0
    shape = tuple(axes[number][1] for number in numbers)
    if grows:
        shape = (records, *shape[1:])
    inner = [dtype.itemsize * math.prod(shape[place + 1 :]) for place in range(len(shape))]
    strides = (stride, *inner[1:]) if grows else tuple(inner)
    data = OnDisk.of(where, dtype.newbyteorder(">"), begin, shape, strides)
    growing = frozenset({axes[numbers[0]][0]}) if grows else frozenset[str]()
    return Variable(name, tuple(axes[number][0] for number in numbers), shape, dtype, data, attributes, growing)
