"""Sound in WAV files: windows of one length, with channels as channels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.sounds import SampleKind, Sounds
from idm.data.arrays.wav_files import WavFile, WavForm, open_wav

WAV_SUFFIXES = (".wav", ".wave")
DEEP_BITS = 24
"""Fewest bits of integers that become floats unless told otherwise: their levels are too many to tell apart."""


class Wav(Sounds):
    """Windows of WAV files of one form, read as they are needed; the sampling rate stays with a run.

    Args:
        path: a .wav file, or a folder of them; its sub-folders are included, hidden files are not.
        values: "stored": integers as they are stored, 24 bits as int32; "floats": integers over half of their range,
            from -1 to 1, float32 up to 24 bits and float64 for 32; "auto": floats of 24 and 32 bits, else as stored.
    """

    _kind = "WAV files"

    def _is_one(self, name: str) -> bool:
        return name.lower().endswith(WAV_SUFFIXES)

    def _open(self, where: Path) -> WavFile:
        return open_wav(where)

    def _choose(self, form: WavForm, values: SampleKind) -> np.dtype[Any]:
        self._as_floats = not form.is_float and (values == "floats" or (values == "auto" and form.bits >= DEEP_BITS))
        return np.dtype(np.float64 if form.bits > DEEP_BITS else np.float32) if self._as_floats else form.dtype

    def _frames(self, owner: int, first: int, count: int) -> NDArray[Any]:
        wav = self._files[owner]
        found = wav.read(first, count)
        return _scaled(found, wav.form.bits, self.dtype) if self._as_floats else found


def _scaled(values: NDArray[Any], bits: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Bring integers to [-1, 1); 8 bits have their zero at 128."""
    centred = values.astype(dtype) - (128 if bits == 8 else 0)
    return centred / dtype.type(2 ** (bits - 1))
