"""Sound in WAV files: windows of one length, with channels as channels."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from idm.data.arrays.listing import list_files
from idm.data.arrays.wav_files import open_wav
from idm.data.arrays.windows import WindowSource, labels_of_files
from idm.data.images.check import gather
from idm.data.images.files import LabelRule

WAV_SUFFIXES = (".wav", ".wave")
DEEP_BITS = 24
"""Fewest bits of integers that become floats unless told otherwise: their levels are too many to tell apart."""

SampleKind = Literal["auto", "stored", "floats"]


class Wav(WindowSource):
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
        listed = list_files(where, "WAV files", lambda name: name.lower().endswith(WAV_SUFFIXES), split, every=True)
        self._wavs = gather(open_wav, listed.files)
        firsts, form = self._cut(self._wavs, window, hop), self._wavs[0].form
        self._as_floats = not form.is_float and (values == "floats" or (values == "auto" and form.bits >= DEEP_BITS))
        dtype = np.dtype(np.float64 if form.bits > DEEP_BITS else np.float32) if self._as_floats else form.dtype
        found = listed.labels(labels)
        known = labels_of_files(found, firsts)
        self._adopt_windows(where, listed, firsts, dtype, channels=form.channels, labels=known)
        self.sampling_rate = float(form.rate)
        self.note = f"{form}, windows of {self._window:,} frames every {self._hop:,}, {found[2]}"
        self.remarks = (*listed.remarks, *self._left_out([len(some) for some in firsts]))

    def _frames(self, owner: int, first: int, count: int) -> NDArray[Any]:
        wav = self._wavs[owner]
        found = wav.read(first, count)
        return _scaled(found, wav.form.bits, self.dtype) if self._as_floats else found


def _scaled(values: NDArray[Any], bits: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Bring integers to [-1, 1); 8 bits have their zero at 128."""
    centred = values.astype(dtype) - (128 if bits == 8 else 0)
    return centred / dtype.type(2 ** (bits - 1))
