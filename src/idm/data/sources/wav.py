"""Sound in WAV files: windows of one length, with channels as channels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.source import ArraySource
from idm.data.arrays.wav_files import WavFile, WavForm, open_wav
from idm.data.base import Indices
from idm.data.images.check import gather
from idm.data.images.files import LabelRule, find_files, read_labels
from idm.data.parts import Chosen, choose_part

WAV_SUFFIXES = (".wav", ".wave")
LARGEST_WINDOW = 4_096
"""Frames of a window at most where nothing is said of it."""

DEEP_BITS = 24
"""Integers of so many bits or more become floats unless told otherwise: their levels are too many to tell apart."""

SampleKind = Literal["auto", "stored", "floats"]


class Wav(ArraySource):
    """Windows of WAV files of one form, read as they are needed; the sampling rate stays with a run."""

    def __init__(
        self,
        path: str | Path,
        *,
        window: Annotated[int, Ge(1)] | None = None,
        hop: Annotated[int, Ge(1)] | None = None,
        values: SampleKind = "auto",
        labels: LabelRule = "auto",
        split: str | None = None,
    ) -> None:
        """Judge the headers of all files, and look at the values of floats.

        Args:
            path: a .wav file, or a folder of them; its sub-folders are included, hidden files are not.
            window: frames of a sample; by default those of the files, if all have one length of at most 4,096, else
                the largest power of two that no file is shorter than, at most 4,096. What is left at the end of a file
                is not read.
            hop: frames from the beginning of a window to that of the next; by default the window.
            values: "stored": integers as they are stored, 24 bits as int32; "floats": integers over half of their
                range, from -1 to 1, float32 up to 24 bits and float64 for 32; "auto": floats of 24 and 32 bits,
                else as stored.
            labels: where the classes of files come from, as for folders of images.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no files; files of another form than the first, or shorter than a window, by name.
        """
        where = Path(path)
        chosen = choose_part(where, _files(where), split if where.is_dir() else None, every=True)
        self._wavs = gather(open_wav, [where / file if file else where for file in chosen.files])
        gather(self._compare, self._wavs)
        counts = self._cut(window, hop)
        self._ends, form = np.cumsum(counts), self._wavs[0].form
        dtype = self._held_as(form, values)
        self._adopt(where, (int(self._ends[-1]), self._window, form.channels), dtype, None, channels="last")
        note = self._name(where, chosen, counts, labels)
        self.note = f"{form}, windows of {self._window:,} frames every {self._hop:,}, {note}"
        self.remarks, self.sampling_rate = (*chosen.remarks, *self._left_out(counts)), float(form.rate)

    def _cut(self, window: int | None, hop: int | None) -> list[int]:
        """Choose window and hop, and return how many windows each file has.

        Raises:
            DataError: a file that is shorter than a window.
        """
        self._window = _fitting_window([wav.num_frames for wav in self._wavs]) if window is None else window
        self._hop = hop or self._window
        gather(self._refuse_short, self._wavs)
        return [(wav.num_frames - self._window) // self._hop + 1 for wav in self._wavs]

    def _held_as(self, form: WavForm, values: SampleKind) -> np.dtype[Any]:
        """Return the dtype of samples, and remember whether integers become floats."""
        self._as_floats = not form.is_float and (values == "floats" or (values == "auto" and form.bits >= DEEP_BITS))
        return np.dtype(np.float64 if form.bits > DEEP_BITS else np.float32) if self._as_floats else form.dtype

    def _name(self, where: Path, chosen: Chosen, counts: Sequence[int], rule: LabelRule) -> str:
        """Name the windows and their classes, and say where the classes come from."""
        names = chosen.files if where.is_dir() else (where.name,)
        self.names = tuple(f"{name}#{row}" for name, count in zip(names, counts, strict=True) for row in range(count))
        if not where.is_dir():
            return "no labels"
        of_files, class_names, note = read_labels(list(chosen.below), rule)
        if of_files is not None:
            self.labels, self.class_names = np.repeat(of_files, counts), class_names
        return note

    def _compare(self, wav: WavFile) -> None:
        first = self._wavs[0]
        if wav.form != first.form:
            raise DataError(
                f"{wav.where}: {first.form} wanted as in {first.where.name}, got {wav.form}; "
                "convert all files to one form"
            )

    def _refuse_short(self, wav: WavFile) -> None:
        if wav.num_frames < self._window:
            raise DataError(
                f"{wav.where}: at least {self._window:,} frames wanted, got {wav.num_frames:,}; remove it, or lower "
                "data.source.window"
            )

    def _left_out(self, counts: Sequence[int]) -> tuple[str, ...]:
        """Say how much of the files is in no window, and in more than one."""
        ends = [(count - 1) * self._hop + self._window for count in counts]
        rest = sum(wav.num_frames - end for wav, end in zip(self._wavs, ends, strict=True))
        rest += sum(count - 1 for count in counts) * max(0, self._hop - self._window)
        lines = [f"{rest:,} frames are in no window and not read; data.source.hop chooses windows"] if rest else []
        if self._hop < self._window:
            lines.append(
                "windows overlap: held-out ones share frames with those to train on, unless files are held out"
            )
        return tuple(lines)

    def _rows(self, indices: Indices) -> NDArray[Any]:
        owners = np.searchsorted(self._ends, indices, side="right")
        before = np.concatenate([[0], self._ends])
        rows = np.empty((len(indices), *self._stored[1:]), self.dtype)
        for row, owner, index in zip(rows, owners, indices, strict=True):
            wav = self._wavs[owner]
            found = wav.read(int(index - before[owner]) * self._hop, self._window)
            row[...] = _scaled(found, wav.form.bits, self.dtype) if self._as_floats else found
        return rows


def _files(where: Path) -> list[str]:
    """List the files of a folder; "" for a path that is none.

    Raises:
        DataError: nothing there, or a folder without any.
    """
    if where.is_file():
        return [""]
    files = [file for file in find_files(where)[1] if file.lower().endswith(WAV_SUFFIXES)] if where.is_dir() else []
    if not files:
        found = "a folder without any" if where.is_dir() else kind_at(where)
        raise DataError(f"{where}: WAV files wanted, got {found}; check the path")
    return files


def _fitting_window(lengths: Sequence[int]) -> int:
    shortest = max(1, min(lengths))
    if len(set(lengths)) == 1 and shortest <= LARGEST_WINDOW:
        return shortest
    return min(LARGEST_WINDOW, 1 << (shortest.bit_length() - 1))


def _scaled(values: NDArray[Any], bits: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Bring integers to [-1, 1); 8 bits have their zero at 128."""
    centred = values.astype(dtype) - (128 if bits == 8 else 0)
    return centred / dtype.type(2 ** (bits - 1))
