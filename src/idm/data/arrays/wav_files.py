"""WAV files: the form of their samples, read from the header alone, and stretches of them."""

import struct
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import counted
from idm.data.reading.damage import reading

Order = Literal["<", ">"]

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
"""Tags of formats; the last one says the tag further down."""

CODES = {(PCM, 8): "u1", (PCM, 16): "i2", (PCM, 24): "i4", (PCM, 32): "i4", (FLOAT, 32): "f4", (FLOAT, 64): "f8"}
"""dtype of each format and number of bits."""

ORDERS: dict[bytes, Order] = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
"""Order of bytes by the first four; the last two hold more than 4 GB."""

UNKNOWN_BYTES = 0xFFFFFFFF
"""Size of a part that is said elsewhere, in ds64, or that was not known when the file was begun: to its end."""

MOST_PARTS, FORMAT_BYTES = 1_000, 40


@dataclass(frozen=True)
class WavForm:
    """What the samples of a file are.

    Attributes:
        rate: frames per second.
        channels: samples of a frame.
        bits: bits of a sample.
        is_float: whether they are floats.
        order: "<" for little-endian, ">" for big-endian.
    """

    rate: int
    channels: int
    bits: int
    is_float: bool
    order: Order

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the samples; 24 bits are the lower ones of 32."""
        return np.dtype(CODES[FLOAT if self.is_float else PCM, self.bits])

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return self.channels * self.bits // 8

    def __str__(self) -> str:
        """Write it: "2 channels of 16-bit integers at 44,100 Hz"."""
        kind = "floats" if self.is_float else "integers"
        return f"{counted(self.channels, 'channel')} of {self.bits}-bit {kind} at {self.rate:,} Hz"


@dataclass(frozen=True)
class WavFile:
    """A file whose header was read.

    Attributes:
        where: the file.
        form: what its samples are.
        offset: bytes before them.
        num_frames: how many there are of each channel.
    """

    where: Path
    form: WavForm
    offset: int
    num_frames: int

    def read(self, first: int, count: int) -> NDArray[Any]:
        """Return frames [count, channels] as they are stored, in the machine's byte order.

        Raises:
            UnreadableFileError: they are not there any more.
        """
        form = self.form
        with reading(self.where, "a WAV file", "restore it"), self.where.open("rb") as file:
            file.seek(self.offset + first * form.frame_bytes)
            stored = np.frombuffer(file.read(count * form.frame_bytes), np.uint8)
            if form.bits == 24:
                wide = np.zeros((stored.size // 3, 4), np.uint8)
                wide[:, 1:] = stored.reshape(-1, 3)[:, :: 1 if form.order == "<" else -1]
                values = wide.reshape(-1).view("<i4") >> 8
            else:
                values = stored.view(form.dtype.newbyteorder(form.order))
            return values.reshape(count, form.channels).astype(form.dtype)


def open_wav(where: Path) -> WavFile:
    """Read the header of a file, and compare its sizes with what is stored.

    Raises:
        UnreadableFileError: no WAV file, or one of fewer samples than it declares.
        DataError: no file; samples of a form that is not read.
    """
    if not where.is_file():
        raise DataError(f"{where}: a WAV file wanted, got {kind_at(where)}; check the path")
    with reading(where, "a WAV file", "replace it"), where.open("rb") as file:
        total, name, _, kind = where.stat().st_size, *struct.unpack("<4sI4s", file.read(12))
        if name not in ORDERS or kind != b"WAVE":
            raise ValueError("its first bytes are not those of the format")
        form, size, offset = _parts(where, file, ORDERS[name])
        stored = total - offset
        if size != UNKNOWN_BYTES and size > stored:
            raise ValueError(f"{size:,} bytes of samples declared, {stored:,} stored")
        return WavFile(where, form, offset, min(size, stored) // form.frame_bytes)


def _parts(where: Path, file: BufferedIOBase, order: Order) -> tuple[WavForm, int, int]:
    """Go through the parts up to the samples: their form, their bytes, and where they begin."""
    form, long_size = None, UNKNOWN_BYTES
    for _ in range(MOST_PARTS):
        name, size = struct.unpack(f"{order}4sI", file.read(8))
        begin = file.tell()
        if name == b"data":
            if form is None:
                raise ValueError("samples without a format before them")
            return form, long_size if size == UNKNOWN_BYTES else size, begin
        if name == b"fmt ":
            form = _form(where, file.read(min(size, FORMAT_BYTES)), order)
        elif name == b"ds64":
            _, long_size = struct.unpack(f"{order}QQ", file.read(16))
        file.seek(begin + size + size % 2)
    raise ValueError("no samples")


def _form(where: Path, content: bytes, order: Order) -> WavForm:
    tag, channels, rate, _, frame_bytes, bits = struct.unpack_from(f"{order}HHIIHH", content)
    if tag == EXTENSIBLE:
        (tag,) = struct.unpack_from(f"{order}H", content, 24)
    if (tag, bits) not in CODES:
        raise DataError(
            f"{where}: integers of 8, 16, 24 or 32 bits or floats of 32 or 64 wanted, got format {tag} of {bits} bits; "
            "convert it to one of them"
        )
    form = WavForm(rate, channels, bits, tag == FLOAT, order)
    if not channels or not rate or form.frame_bytes != frame_bytes:
        raise ValueError(f"{channels} channels, {frame_bytes} bytes a frame, {rate} frames a second")
    return form
