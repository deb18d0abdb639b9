"""Sound in FLAC, Ogg, AIFF and further files that libsndfile reads: windows of one length, channels as channels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import counted
from idm.data.arrays.named import refuse_unstored
from idm.data.arrays.sounds import SampleKind, Sounds
from idm.data.extras import import_extra
from idm.data.reading.damage import reading

SOUND_SUFFIXES = (".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".mp3")
BEGINNINGS = (b"fLaC", b"OggS", b"FORM", b".snd", b"dns.", b"caff", b"riff", b"RIFF", b"RIFX", b"RF64")
"""The first bytes of the formats that are read. In all others the library looks for MP3, and says so itself."""

INTEGERS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ALAC_16": 16, "ALAC_24": 24}
"""Bits of the kinds of samples that are stored as integers, exactly."""

WIDEST = {"DOUBLE": np.dtype(np.float64), "PCM_32": np.dtype(np.float64)}
"""dtype of floats that 32 bits do not hold."""


@dataclass(frozen=True)
class SoundForm:
    """What the samples of a file are: frames per second, samples of a frame, and libsndfile's name of their kind."""

    rate: int
    channels: int
    kind: str

    def __str__(self) -> str:
        """Write it: "2 channels of PCM_16 at 44,100 Hz"."""
        return f"{counted(self.channels, 'channel')} of {self.kind} at {self.rate:,} Hz"


@dataclass(frozen=True)
class SoundFile:
    """A file whose header was read.

    Attributes:
        where: the file.
        form: what its samples are.
        num_frames: how many there are of each channel.
    """

    where: Path
    form: SoundForm
    num_frames: int

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and channels."""
        return self.num_frames, self.form.channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of a stored frame of a channel."""
        return np.dtype(np.int16)


class Sound(Sounds):
    """Windows of sound files of one form, decoded as they are needed (needs soundfile); the rate stays with a run.

    Args:
        path: a file of FLAC, Ogg Vorbis or Opus, AIFF, AU, CAF, W64, or of a kind of WAV that the source wav refuses,
            or a folder of such, without WAV files; its sub-folders are included, hidden files are not.
        values: "stored": integers as they are stored, in as many bits or the next 8, 16 or 32; "floats": from -1 to 1;
            "auto": integers of up to 16 bits as stored. What is no integer, or packed with loss, is floats.
    """

    _kind = "sound files"

    def _is_one(self, name: str) -> bool:
        return name.lower().endswith(SOUND_SUFFIXES)

    def _choose(self, form: SoundForm, values: SampleKind) -> np.dtype[Any]:
        bits = INTEGERS.get(form.kind, 0)
        self._stored_bits = bits if values == "stored" or (values == "auto" and bits <= 16) else 0
        floats = WIDEST.get(form.kind, np.dtype(np.float32))
        return np.dtype(f"i{1 if bits == 8 else 2 if bits == 16 else 4}") if self._stored_bits else floats

    def _open(self, where: Path) -> SoundFile:
        if not where.is_file():
            raise DataError(f"{where}: a sound file wanted, got {kind_at(where)}; check the path")
        library = import_extra("soundfile", "sound")
        _refuse_others(where)
        with reading(where, "a sound file", "replace it"), library.SoundFile(str(where)) as file:
            if not file.seekable() or file.frames < 0 or file.samplerate <= 0:
                raise ValueError(f"{file.frames:,} frames at {file.samplerate:,} Hz")
            found = SoundFile(where, SoundForm(file.samplerate, file.channels, file.subtype), file.frames)
            refuse_unstored(where, found)
            return found

    def _frames(self, owner: int, first: int, count: int) -> NDArray[Any]:
        file, bits, library = self._files[owner], self._stored_bits, import_extra("soundfile", "sound")
        with reading(file.where, "a sound file", "restore it"), library.SoundFile(str(file.where)) as opened:
            opened.seek(first)
            dtype = f"int{16 if bits <= 16 else 32}" if bits else self.dtype.name
            frames = opened.read(count, dtype, always_2d=True)
            if frames.shape != (count, file.form.channels):
                raise ValueError(f"{count:,} frames wanted from {first:,} on, got {len(frames):,}")
            return frames >> (16 if bits <= 16 else 32) - bits if bits else frames


def _refuse_others(where: Path) -> None:
    """Refuse files whose first bytes are of none of the formats.

    Raises:
        UnreadableFileError: they are.
        DataError: MP3, by a tag or the mark of a frame.
    """
    with reading(where, "a sound file", "replace it"):
        with where.open("rb") as file:
            head = file.read(4)
        if head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
            raise DataError(
                f"{where}: sound that can be read from any place on wanted, got MP3, whose parts alone are decoded "
                "wrongly; convert it to FLAC"
            )
        if not head.startswith(BEGINNINGS):
            raise ValueError("its first bytes are those of another format")
