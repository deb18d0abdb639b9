"""IDX files, the format of MNIST: the sizes of an array, then its values, big-endian; plain or packed by gzip."""

import gzip
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.data.arrays.named import refuse_unstored
from idm.data.arrays.on_disk import OnDisk
from idm.data.label_names import OF_DATA, OF_LABELS, is_of_labels, words
from idm.data.reading.damage import reading

IDX_SUFFIXES = (".idx", ".idx.gz", "-ubyte", "-ubyte.gz")
"""How names of IDX files end, in small letters."""

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""dtype of each kind of values, the third byte of a file."""

PACKED = b"\x1f\x8b"
"""The first bytes of what gzip wrote."""

PIECE_BYTES = 1 << 20
OF_FORMAT = re.compile(r"idx\d*|u?byte|short|int|float|double|gz")
"""Words of names that say how values are stored."""


@dataclass(frozen=True)
class IdxHeader:
    """What a file says of its array.

    Attributes:
        shape: its shape.
        dtype: its dtype, big-endian.
        offset: bytes before its values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int

    @property
    def num_bytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize


def open_idx(where: Path) -> NDArray[Any] | OnDisk:
    """Leave the array of a plain file on disk, or unpack that of a packed one; its sizes are compared before.

    Raises:
        UnreadableFileError: no IDX file, or one of more or fewer values than it declares.
        DataError: no file; far more values declared than a packed file has room for.
    """
    if not where.is_file():
        raise DataError(f"{where}: an IDX file wanted, got {kind_at(where)}; check the path")
    with reading(where, "an IDX file", "fetch it again"), where.open("rb") as file:
        is_packed = file.read(len(PACKED)) == PACKED
        file.seek(0)
        if is_packed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _unpacked(where, unpacked)
        header = _header(file)
        _compare(header, where.stat().st_size - header.offset)
        if header.num_bytes == 0:
            return np.empty(header.shape, header.dtype)
        return OnDisk.of(where, header.dtype, header.offset, header.shape)


def labels_of_idx(where: Path, files: Iterable[Path] | None = None) -> Path | None:
    """Return the file of labels beside one of samples: train-labels-idx1-ubyte of train-images-idx3-ubyte.

    Args:
        where: the file of samples.
        files: what may be its labels; None: the files in its folder.
    """
    found = [
        file
        for file in (where.parent.iterdir() if files is None else files)
        if is_idx(file.name) and is_of_labels(file.name) and _said(file.name) == _said(where.name)
    ]
    return min(found, key=lambda file: (file.name.lower().endswith(".gz"), file.name), default=None)


def is_idx(name: str) -> bool:
    """Whether a file is called as IDX files are."""
    return name.lower().endswith(IDX_SUFFIXES)


def _said(name: str) -> frozenset[str]:
    """What a name says besides the format, and that there are samples or labels in it: train, emnist."""
    return frozenset(word for word in words(name) if not OF_FORMAT.fullmatch(word)) - OF_DATA - OF_LABELS


def _header(stream: BufferedIOBase) -> IdxHeader:
    zeros, code, num_axes = struct.unpack(">HBB", stream.read(4))
    if zeros or code not in DTYPES:
        raise ValueError("its first bytes are not those of the format")
    shape = struct.unpack(f">{num_axes}I", stream.read(4 * num_axes))
    return IdxHeader(shape, np.dtype(DTYPES[code]), 4 + 4 * num_axes)


def _unpacked(where: Path, stream: gzip.GzipFile) -> NDArray[Any]:
    header = _header(stream)
    refuse_unstored(where, header)
    values, filled = np.empty(header.num_bytes, np.uint8), 0
    while piece := stream.read(PIECE_BYTES):
        if filled + len(piece) <= len(values):
            values[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
        if filled > len(values):
            break
    _compare(header, filled)
    return values.view(header.dtype).reshape(header.shape)


def _compare(header: IdxHeader, stored: int) -> None:
    if stored != header.num_bytes:
        more = "more" if stored > header.num_bytes else f"{stored:,}"
        raise UnreadableFileError(f"{header.num_bytes:,} bytes of values declared, {more} stored")
