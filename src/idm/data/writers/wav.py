"""WAV: a signal a file, at its sampling rate."""

import struct
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.wav_files import CODES, FLOAT, PCM
from idm.data.writers.base import TITLE, Form, SeparateWriter

BITS = {"uint8": (PCM, 8), "int16": (PCM, 16), "int32": (PCM, 32), "float32": (FLOAT, 32), "float64": (FLOAT, 64)}
"""Format and number of bits of each dtype."""

MOST_CHANNELS, HIGHEST_RATE = 2**16 - 1, 2**31


@final
class WavWriter(SeparateWriter):
    """Signals with their channels, as integers or floats of the data's own type."""

    place, pattern = "wav", rf"wav/{TITLE}\.wav"

    def wanted(self, form: Form) -> str:
        """Want signals of a whole sampling rate, of a type that WAV has."""
        rate = form.sampling_rate
        if len(form.shape) != 2:
            return "signals"
        if rate is None or not rate.is_integer() or not 1 <= rate < HIGHEST_RATE:
            return "signals whose sampling rate is known, in whole Hz,"
        if form.dtype.name not in BITS or form.shape[0] > MOST_CHANNELS:
            return f"signals of {', '.join(BITS)}"
        return ""

    def suffix(self, form: Form) -> str:
        """Return the usual suffix."""
        return ".wav"

    def float_type(self, form: Form) -> np.dtype[Any] | None:
        """Return the type of signals that are floats themselves."""
        return form.dtype if form.dtype.kind == "f" else None

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return a file of frames: one value of each channel after the other."""
        values = values if form.dtype.kind == "f" else np.rint(values).astype(form.dtype)
        (tag, bits), channels = BITS[values.dtype.name], len(values)
        rate, frame = round(form.sampling_rate or 0), channels * bits // 8
        frames = np.ascontiguousarray(values.T, dtype=np.dtype(CODES[tag, bits]).newbyteorder("<")).tobytes()
        # Formats other than integers say the size of what follows, 0, and how many frames there are.
        further = b"" if tag == PCM else struct.pack("<H4sII", 0, b"fact", 4, values.shape[1])
        of_form = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)
        size = len(of_form) + (0 if tag == PCM else 2)
        body = b"WAVE" + struct.pack("<4sI", b"fmt ", size) + of_form + further
        body += struct.pack("<4sI", b"data", len(frames)) + frames + bytes(len(frames) % 2)
        return struct.pack("<4sI", b"RIFF", len(body)) + body
