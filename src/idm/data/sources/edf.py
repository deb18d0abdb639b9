"""Signals in EDF and BDF files: windows of one length, signals as channels, annotations as classes."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.text import counted
from idm.data.arrays.edf_files import Annotation, EdfFile, Signal, open_edf
from idm.data.arrays.listing import Listed, list_files
from idm.data.arrays.windows import WindowSource, labels_of_files
from idm.data.base import Indices
from idm.data.images.check import gather
from idm.data.images.files import LabelRule
from idm.data.metadata import EdfMetadata
from idm.data.remarks import listed

EDF_SUFFIXES = (".edf", ".bdf")
ValueKind = Literal["physical", "stored"]


@dataclass(frozen=True)
class Form:
    """What the frames of a file are.

    Attributes:
        channels: name and units of each signal, and its range where numbers are read as they are stored.
        rate: frames per second.
    """

    channels: tuple[tuple[Any, ...], ...]
    rate: float

    def __str__(self) -> str:
        """Write it: "C3 [uV], C4 [uV] at 100 Hz"."""
        names = [f"{name} [{units}]" if units else name for name, units, *_ in self.channels]
        ranges = {str(scale) for _, _, *scale in self.channels if scale}
        return f"{listed(names)} at {self.rate:,g} Hz" + (f" scaled as {listed(sorted(ranges))}" if ranges else "")


@dataclass(frozen=True)
class Chosen:
    """The signals that are read of a file."""

    file: EdfFile
    signals: tuple[Signal, ...]
    form: Form

    @property
    def where(self) -> Path:
        """The file."""
        return self.file.where

    @property
    def remarks(self) -> tuple[str, ...]:
        """Say which signals are not read, in a line; nothing where all are."""
        others = [signal.label for signal in self.file.signals if signal not in self.signals]
        return (f"not read: {listed(others)}; data.source.signals chooses others",) if others else ()

    @property
    def num_frames(self) -> int:
        """How many values there are of each signal."""
        return self.file.num_records * self.signals[0].per_record

    def values(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Return what stored numbers [n, signals] stand for."""
        low, high = np.array([signal.physical for signal in self.signals]).T
        lowest, highest = np.array([signal.digital for signal in self.signals]).T
        return (stored.astype(np.float64) - lowest) * ((high - low) / (highest - lowest)) + low


class Edf(WindowSource):
    """Windows of EDF, EDF+ and BDF files of one form, read as they are needed; names and rate stay with a run.

    Args:
        path: an .edf or .bdf file, or a folder of them; its sub-folders are included, hidden files are not.
        signals: names of the signals that are read, the channels; by default all of the rate that most have.
        window: frames of a sample; by default as for WAV files.
        hop: frames from the beginning of a window to that of the next; by default the window.
        values: "physical": in the units of each signal, 64-bit floats; "stored": whole numbers as they are stored,
            int16, or int32 of 24 bits; all files must be scaled alike then.
        labels: where the classes of files come from, as for folders of images; or "annotations": the class of a
            window is the text of the annotation that covers most of it, or else of one in it that has no length;
            windows without any are left out.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        signals: tuple[str, ...] | None = None,
        window: Annotated[int, Ge(1)] | None = None,
        hop: Annotated[int, Ge(1)] | None = None,
        values: ValueKind = "physical",
        labels: LabelRule | Literal["annotations"] = "auto",
        split: str | None = None,
    ) -> None:
        """Judge the headers of all files and look at all values.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no files; no such signal; signals of several rates; files of another form than the first, or
                shorter than a window, by name; recordings with gaps; no annotations where they are wanted.
        """
        where = Path(path).absolute()
        found = list_files(where, "EDF files", is_edf, split, every=True)
        self._chosen = gather(lambda file: _choose(file, signals, values), gather(open_edf, found.files))
        self._physical, first = values == "physical", self._chosen[0]
        every = self._cut(self._chosen, window, hop)
        firsts, known, note = self._labelled(where, found, every, labels)
        stored = np.int16 if first.file.width == 2 else np.int32
        dtype = np.dtype(np.float64 if self._physical else stored)
        self._adopt_windows(where, found, firsts, dtype, channels=len(first.signals), labels=known)
        self.sampling_rate = first.form.rate or None
        self.channel_names = tuple(signal.label for signal in first.signals)
        with suppress(ValueError):  # which EDF has room for, and no file should have
            ranges = zip(*map(_range_of, zip(*(one.signals for one in self._chosen), strict=True)), strict=True)
            self.metadata = EdfMetadata(
                tuple(signal.units for signal in first.signals), *ranges, are_stored=not self._physical
            )
        self.note = f"{first.form}, {self._windows}, {note}"
        bare = sum(map(len, every)) - sum(map(len, firsts))
        without = (f"{counted(bare, 'window')} without an annotation not read",) if bare else ()
        self.remarks = (*found.remarks, *first.remarks, *without, *self._left_out(list(map(len, every))))

    def _labelled(
        self, where: Path, found: Listed, firsts: list[Indices], rule: LabelRule | Literal["annotations"]
    ) -> tuple[list[Indices], list[NDArray[Any]], str]:
        """Return the windows that are read, the class of each, and where classes come from."""
        if rule != "annotations":
            of_files = found.labels(rule)
            return firsts, labels_of_files(of_files, firsts), of_files[2]
        pairs = gather(lambda row: self._annotated(row, firsts[row]), range(len(firsts)))
        _refuse_none(where, [kept for kept, _ in pairs])
        return [kept for kept, _ in pairs], [texts for _, texts in pairs], "labels from annotations"

    def _annotated(self, row: int, firsts: Indices) -> tuple[Indices, NDArray[Any]]:
        """Return the windows with an annotation, and its text."""
        rate, notes = self._chosen[row].form.rate or 1.0, self._chosen[row].file.annotations()
        best = longest(notes, firsts, self._window, rate)
        texts = np.array([note.text for note in notes] or [""])
        return firsts[best >= 0], texts[best[best >= 0]]

    def _frames(self, owner: int, first: int, count: int) -> NDArray[Any]:
        found = self._chosen[owner]
        stored = found.file.read(found.signals, first, count)
        return found.values(stored) if self._physical else stored


def is_edf(name: str) -> bool:
    """Whether a file is called as EDF and BDF files are."""
    return name.lower().endswith(EDF_SUFFIXES)


def longest(notes: Sequence[Annotation], firsts: Indices, window: int, rate: float) -> Indices:
    """Number the annotation that covers most of each window, the first of several; -1 where there is none.

    Times are brought to frames and rounded to a millionth of one: seconds of frames have no exact number, so that an
    annotation at a border would lie in two windows.

    Args:
        notes: annotations; those without a length count where they lie in a window that no other covers.
        firsts: first frames of windows, increasing.
        window: frames of a window.
        rate: frames per second.
    """
    best, covered = np.full(len(firsts), -1), np.full(len(firsts), -1.0)
    for number, note in enumerate(notes):
        begin, end = (round(at * rate, 6) for at in (note.onset, note.onset + max(note.duration, 0.0)))
        low, high = np.searchsorted(firsts, [begin - window, end], side="right").tolist()
        here = firsts[low:high]
        shared = np.minimum(here + window, end) - np.maximum(here, begin)
        is_more = (shared > covered[low:high]) & ((shared > 0) | (note.duration <= 0))
        covered[low:high][is_more], best[low:high][is_more] = shared[is_more], number
    return best


def _choose(file: EdfFile, names: Sequence[str] | None, values: ValueKind) -> Chosen:
    """Choose the signals of a file by name, or all of the rate that most have.

    Raises:
        DataError: no such signal; signals of several rates.
    """
    by_name = {signal.label: signal for signal in reversed(file.signals)}
    if unknown := [name for name in names or () if name not in by_name]:
        raise DataError(
            f"{file.where}: a signal '{unknown[0]}' wanted, got {listed(list(by_name)[::-1]) or 'annotations alone'}; "
            "set data.source.signals to some of these"
        )
    usual = Counter(signal.per_record for signal in file.signals).most_common(1)
    if not usual:
        raise DataError(f"{file.where}: a recording with signals wanted, got annotations alone; give another file")
    chosen = tuple(by_name[name] for name in names) if names else _of_rate(file, usual[0][0])
    if len({signal.per_record for signal in chosen}) > 1:
        raise DataError(
            f"{file.where}: signals of one rate wanted, got {listed([signal.label for signal in chosen])} of several; "
            "set data.source.signals to some of one rate"
        )
    channels = tuple(
        (signal.label, signal.units, *(() if values == "physical" else ((signal.physical, signal.digital),)))
        for signal in chosen
    )
    return Chosen(file, chosen, Form(channels, chosen[0].per_record / file.seconds if file.seconds else 0.0))


def _of_rate(file: EdfFile, per_record: int) -> tuple[Signal, ...]:
    return tuple(signal for signal in file.signals if signal.per_record == per_record)


def _refuse_none(where: Path, firsts: Sequence[Indices]) -> None:
    if not any(len(some) for some in firsts):
        raise DataError(
            f"{where}: annotations in some window wanted, got none; set data.source.labels to where classes come from, "
            "or to none"
        )


def _range_of(signals: Sequence[Signal]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the physical and the digital range of a signal of all files; where they differ, one that holds all."""
    found = {(one.physical, one.digital) for one in signals}
    if len(found) == 1:
        return found.pop()
    ends, stored = ([end for pair in pairs for end in pair] for pairs in zip(*found, strict=True))
    return (min(ends), max(ends)), (min(stored), max(stored))
