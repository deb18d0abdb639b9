"""Windows of one length, cut from recordings of one form, read as they are needed."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.arrays.listing import Listed
from idm.data.arrays.pieces import Pieces
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices, number_classes
from idm.data.images.check import gather
from idm.data.names import MadeNames
from idm.data.wholes import FEWEST, Wholes

LARGEST_WINDOW_FRAMES = 4_096
"""Most frames of a window where nothing is said of it."""

WINDOW, WAY_OUT = "source.window", "set data.held_out=0"
"""The setting that cuts recordings, and what to do where there is one alone."""


@runtime_checkable
class Recording(Protocol):
    """A file of signals."""

    @property
    def where(self) -> Path:
        """The file."""
        ...

    @property
    def form(self) -> Any:
        """What its frames are, as it is written in messages: channels, bits, frames per second."""
        ...

    @property
    def num_frames(self) -> int:
        """How many values there are of each channel."""
        ...


class WindowSource(ArraySource):
    """Windows of recordings of one form, which begin at equal distances in frames."""

    _recordings: Sequence[Any]

    @abstractmethod
    def _frames(self, owner: int, first: int, count: int) -> NDArray[Any]:
        """Return frames [count, channels] of the recording of that number."""

    def _cut(self, recordings: Sequence[Recording], window: int | None, hop: int | None) -> list[Indices]:
        """Choose the windows of recordings of one form, and return their first frames.

        Args:
            recordings: all of them.
            window: frames of a window; by default those of the recordings, if all have one length of at most 4,096,
                else the largest power of two that no recording is shorter than, at most 4,096.
            hop: frames from the beginning of a window to that of the next; by default the window.

        Raises:
            DataError: recordings of another form than the first, or shorter than a window, by name.
        """
        self._recordings = recordings
        gather(self._compare, recordings)
        self._window = _fitting_window([found.num_frames for found in recordings]) if window is None else window
        self._hop = hop or self._window
        gather(self._refuse_short, recordings)
        counts = [(found.num_frames - self._window) // self._hop + 1 for found in recordings]
        return [self._hop * np.arange(count) for count in counts]

    def _adopt_windows(
        self,
        where: Path,
        listed: Listed,
        firsts: Sequence[Indices],
        dtype: np.dtype[Any],
        *,
        channels: int,
        labels: Sequence[NDArray[Any]],
    ) -> None:
        """Take the windows for samples.

        Args:
            where: the file or folder.
            listed: the files.
            firsts: first frames of the windows of each recording.
            dtype: of the values.
            channels: how many there are.
            labels: the class of each window, for each recording; empty without classes.

        Raises:
            DataError: values that are not finite.
        """
        self._firsts, self._pieces = firsts, Pieces.of([len(some) for some in firsts])
        self._adopt(where, (self._pieces.total, self._window, channels), dtype, None, channels="last")
        self.names = MadeNames(self._pieces.total, partial(self._named, listed.names))
        if labels:
            self.labels, self.class_names = number_classes(np.concatenate(labels))
        if max(map(len, firsts)) > 1:
            owners, files = np.unique(self._pieces.owners, return_inverse=True)
            titles = tuple(listed.names[owner] for owner in owners.tolist())
            self.wholes = Wholes(files.reshape(-1), titles, WINDOW, WAY_OUT, "recording", may_be_divided=True)

    def _named(self, files: Sequence[str], indices: Indices) -> list[str]:
        """Name windows by their file and how many hops lie before them: a.wav#3."""
        found = zip(*(some.tolist() for some in self._pieces.places(indices)), strict=True)
        return [f"{files[owner]}#{self._firsts[owner][row] // self._hop}" for owner, row in found]

    @property
    def _windows(self) -> str:
        """Say what windows are."""
        return f"windows of {self._window:,} frames every {self._hop:,}"

    def _compare(self, found: Recording) -> None:
        first = self._recordings[0]
        if found.form != first.form:
            raise DataError(
                f"{found.where}: {first.form} wanted as in {first.where.name}, got {found.form}; "
                "convert all files to one form"
            )

    def _refuse_short(self, found: Recording) -> None:
        if found.num_frames < self._window:
            raise DataError(
                f"{found.where}: at least {self._window:,} frames wanted, got {found.num_frames:,}; remove it, or "
                "lower data.source.window"
            )

    def _left_out(self, counts: Sequence[int]) -> tuple[str, ...]:
        """Say how much of the recordings is in no window, and in more than one."""
        ends = [(count - 1) * self._hop + self._window for count in counts]
        rest = sum(found.num_frames - end for found, end in zip(self._recordings, ends, strict=True))
        rest += sum(count - 1 for count in counts) * max(0, self._hop - self._window)
        lines = [f"{rest:,} frames are in no window and not read; data.source.hop chooses windows"] if rest else []
        if self._hop < self._window and len(self._recordings) < FEWEST:
            lines.append(
                "windows overlap: held-out ones share frames with those to train on, unless files are held out"
            )
        return tuple(lines)

    def _rows(self, indices: Indices) -> NDArray[Any]:
        rows = np.empty((len(indices), *self._stored[1:]), self.dtype)
        for owner, places, windows in self._pieces.groups(indices):
            firsts = self._firsts[owner][windows]
            gaps = np.flatnonzero(np.diff(firsts) != self._window) + 1
            for some, begins in zip(np.split(places, gaps), np.split(firsts, gaps), strict=True):  # read together
                rows[some] = self._frames(owner, int(begins[0]), self._window * len(some)).reshape(-1, *rows.shape[1:])
        return rows


def labels_of_files(
    found: tuple[Indices | None, tuple[str, ...] | None, str], firsts: Sequence[Indices]
) -> list[NDArray[Any]]:
    """Repeat the class of each file for each of its windows; nothing where files have no classes."""
    numbers, names, _ = found
    if numbers is None or names is None:
        return []
    return [np.repeat(names[number], len(some)) for number, some in zip(numbers.tolist(), firsts, strict=True)]


def _fitting_window(lengths: Sequence[int]) -> int:
    shortest = max(1, min(lengths))
    if len(set(lengths)) == 1 and shortest <= LARGEST_WINDOW_FRAMES:
        return shortest
    return min(LARGEST_WINDOW_FRAMES, 1 << (shortest.bit_length() - 1))
