"""EDF and BDF files, the formats of EEG, ECG and sleep: signals and annotations, left on disk.

The specifications are those of EDF (Kemp et al. 1992), EDF+ (Kemp & Olivan 2003) and BioSemi's BDF, with 24 bits.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.on_disk import OnDisk
from idm.data.reading.damage import reading

VERSIONS = {b"0": 2, b"\xffBIOSEMI": 3}
"""Bytes of a number, by the first eight bytes of a file."""

FIELD_BYTES = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Bytes of what the header says of each signal, all signals after each other."""

ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
HEAD_BYTES, SIGNAL_BYTES = 256, sum(FIELD_BYTES)


@dataclass(frozen=True)
class Signal:
    """A signal.

    Attributes:
        label: its name.
        units: units of its values.
        physical: smallest and largest value.
        digital: the stored numbers that these are.
        per_record: numbers in a record.
        offset: bytes before them in a record.
    """

    label: str
    units: str
    physical: tuple[float, float]
    digital: tuple[float, float]
    per_record: int
    offset: int


@dataclass(frozen=True)
class Annotation:
    """What happened when: seconds from the beginning, how long, and a text."""

    onset: float
    duration: float
    text: str


@dataclass(frozen=True)
class EdfFile:
    """A file whose header was read.

    Attributes:
        where: the file.
        width: bytes of a number, 2 or 3.
        num_records: number of records.
        seconds: duration of a record.
        signals: the signals, without annotations.
        notes: the signals of annotations.
        is_whole: whether nothing is missing between records, as far as the header says.
        num_bytes: bytes of a record.
        offset: bytes before the first one.
    """

    where: Path
    width: int
    num_records: int
    seconds: float
    signals: tuple[Signal, ...]
    notes: tuple[Signal, ...]
    is_whole: bool
    num_bytes: int
    offset: int

    def read(self, signals: Sequence[Signal], first: int, count: int) -> NDArray[Any]:
        """Return stored numbers [count, signals] of signals of one rate, int16 or int32; no other bytes are read.

        Raises:
            UnreadableFileError: they are not there any more.
        """
        stored = np.empty((count, len(signals), self.width), np.uint8)
        with reading(self.where, "an EDF file", "restore it"):
            every, done = self._on_disk(), 0
            for records, begin, end in _pieces(first, count, signals[0].per_record):
                some = len(range(*records.indices(self.num_records))) * (end - begin)
                for column, signal in enumerate(signals):
                    numbers = every[records, signal.offset + begin * self.width : signal.offset + end * self.width]
                    stored[done : done + some, column] = numbers.reshape(-1, self.width)
                done += some
        if self.width == 2:
            return stored.view("<i2")[..., 0].astype(np.int16)
        wide = np.zeros((*stored.shape[:2], 4), np.uint8)
        wide[..., 1:] = stored
        return (wide.view("<i4")[..., 0] >> 8).astype(np.int32)

    def annotations(self) -> list[Annotation]:
        """Read all annotations; those that keep the time of records have no text and are left out.

        Raises:
            UnreadableFileError: they cannot be read.
            DataError: something is missing between records.
        """
        with reading(self.where, "an EDF file", "replace it"):
            lists = [[record.tobytes() for record in self._records(signal)] for signal in self.notes]
            starts = [_number(some.partition(b"\x14")[0]) for some in (lists[0] if lists else ())]
            self._refuse_gaps(starts)
            return [entry for some in lists for content in some for entry in _parse(content, starts[0])]

    def _records(self, signal: Signal) -> NDArray[np.uint8]:
        return self._on_disk()[slice(None), signal.offset : signal.offset + self.width * signal.per_record]

    def _on_disk(self) -> OnDisk:
        return OnDisk.of(self.where, np.dtype(np.uint8), self.offset, (self.num_records, self.num_bytes))

    def _refuse_gaps(self, starts: list[float]) -> None:
        if len(starts) > 1 and not np.allclose(np.diff(starts), self.seconds, rtol=0, atol=1e-3):
            raise DataError(
                f"{self.where}: a recording without gaps wanted, got records that do not follow each other; save each "
                "part as a file"
            )


def _pieces(first: int, count: int, per_record: int) -> Iterator[tuple[slice, int, int]]:
    """Go through the records of some numbers: first, middle and last ones, and the numbers there, from and to."""
    (begin, skipped), (end, rest) = divmod(first, per_record), divmod(first + count, per_record)
    if begin == end:
        yield slice(begin, begin + 1), skipped, rest
        return
    yield slice(begin, begin + 1), skipped, per_record
    if end > begin + 1:
        yield slice(begin + 1, end), 0, per_record
    if rest:
        yield slice(end, end + 1), 0, rest


def open_edf(where: Path) -> EdfFile:
    """Read the header of a file, and compare its sizes with what is stored.

    Raises:
        UnreadableFileError: no EDF file, or one of fewer records than it declares.
        DataError: no file.
    """
    if not where.is_file():
        raise DataError(f"{where}: an EDF file wanted, got {kind_at(where)}; check the path")
    with reading(where, "an EDF file", "replace it"), where.open("rb") as file:
        head, total = file.read(HEAD_BYTES), where.stat().st_size
        width = VERSIONS.get(head[:8].rstrip())
        if width is None or len(head) < HEAD_BYTES:
            raise ValueError("its first bytes are not those of the format")
        num_signals, num_records, seconds = int(head[252:256]), int(head[236:244]), float(head[244:252])
        if not 1 <= num_signals <= total // SIGNAL_BYTES or not 0 <= seconds < math.inf:
            raise ValueError(f"{num_signals:,} signals, {seconds} seconds a record")
        every = _signals(file.read(num_signals * SIGNAL_BYTES), num_signals, width)
        offset, num_bytes = HEAD_BYTES + num_signals * SIGNAL_BYTES, sum(signal.per_record for signal in every) * width
        stored = (total - offset) // num_bytes
        if num_records > stored:
            raise ValueError(f"{num_records:,} records declared, {stored:,} stored")
        found = EdfFile(
            where,
            width,
            stored if num_records < 0 else num_records,  # -1: it is still written
            seconds,
            tuple(signal for signal in every if signal.label not in ANNOTATIONS),
            tuple(signal for signal in every if signal.label in ANNOTATIONS),
            not head[192:197].endswith(b"+D"),
            num_bytes,
            offset,
        )
        if not found.is_whole:
            found.annotations()  # which refuses gaps
        return found


def _signals(content: bytes, number: int, width: int) -> list[Signal]:
    texts: list[list[str]] = []
    place = 0
    for size in FIELD_BYTES:
        fields = (content[place + size * row : place + size * (row + 1)] for row in range(number))
        texts.append([field.decode("latin-1").strip() for field in fields])
        place += size * number
    found: list[Signal] = []
    offset = 0
    for label, _, units, low, high, lowest, highest, _, count, _ in zip(*texts, strict=True):
        ranges = (float(low), float(high)), (float(lowest), float(highest))
        if int(count) < 1 or (label not in ANNOTATIONS and not _are_ranges(*ranges)):
            raise ValueError(f"{count} numbers a record from {lowest} to {highest} for {low} to {high} in {label}")
        found.append(Signal(label, units, *ranges, int(count), offset))
        offset += int(count) * width
    return found


def _are_ranges(physical: tuple[float, float], digital: tuple[float, float]) -> bool:
    return bool(np.isfinite([*physical, *digital]).all()) and physical[0] != physical[1] and digital[0] < digital[1]


def _number(head: bytes) -> float:
    return float(head.partition(b"\x15")[0])


def _parse(content: bytes, begin: float) -> list[Annotation]:
    """Parse lists of annotations with a time stamp, each of which ends with a zero byte (EDF+, section 2.2.2)."""
    found: list[Annotation] = []
    for entry in content.split(b"\0"):
        head, *texts = entry.split(b"\x14")
        if texts:
            length = head.partition(b"\x15")[2]
            named = [text.decode("utf-8", "replace") for text in texts if text]
            found += [Annotation(_number(head) - begin, float(length or 0), text) for text in named]
    return found
