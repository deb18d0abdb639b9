"""EDF and BDF: a recording a file, its signals in whole numbers that stand for physical values (Kemp et al. 1992)."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.data.arrays.edf_files import FIELD_BYTES, HEAD_BYTES, SIGNAL_BYTES
from idm.data.metadata import EdfMetadata
from idm.data.writers.base import TITLE, Form, SeparateWriter

LOWEST, HIGHEST = -(2.0**15), 2.0**15 - 1
"""Numbers that EDF stores; larger ones make a BDF file."""

NUMBER_CHARACTERS = 8
"""Characters of a number in the header."""

LARGEST_RECORD_BYTES = 61_440
"""Of a record, as the specification advises."""


@final
class EdfWriter(SeparateWriter):
    """Signals in the units and on the grid of EDF data.

    Values between its steps go to the nearest one, and those beyond its ends to these.
    """

    place, pattern = "edf", rf"edf/{TITLE}\.(edf|bdf)"

    def wanted(self, form: Form) -> str:
        """Want signals of a sampling rate that are EDF data or whole numbers of 16 bits."""
        suits = isinstance(form.metadata, EdfMetadata) or form.dtype == np.int16
        fits = len(form.shape) == 2 and form.sampling_rate is not None and suits
        return "" if fits else "signals of a sampling rate, of EDF files or int16,"

    def suffix(self, form: Form) -> str:
        """Return that of the width of the numbers."""
        return ".bdf" if _is_wide(_known(form)) else ".edf"

    def float_type(self, form: Form) -> np.dtype[Any] | None:
        """Return None: values lie between ends that were chosen for signals, not for their deviations."""
        return None

    def content(self, values: NDArray[Any], form: Form) -> bytes:
        """Return a file of one recording."""
        known, count = _known(form), values.shape[1]
        per_record, seconds = _record(count, len(values), form.sampling_rate or 1.0)
        stored = _digital(values, known).reshape(len(values), count // per_record, per_record)
        numbers = stored.transpose(1, 0, 2).astype("<i4")
        width = 3 if _is_wide(known) else 2
        body = numbers.reshape(-1, 1).view(np.uint8)[:, :width].tobytes()
        return _header(form, known, count // per_record, per_record, seconds) + body


def _known(form: Form) -> EdfMetadata:
    """Return what is known of the signals; of others, that their numbers are their values."""
    if isinstance(form.metadata, EdfMetadata):
        return form.metadata
    ends = ((LOWEST, HIGHEST),) * form.shape[0]
    return EdfMetadata(("",) * form.shape[0], ends, ends, are_stored=True)


def _is_wide(known: EdfMetadata) -> bool:
    return any(low < LOWEST or high > HIGHEST for low, high in known.digital)


def _digital(values: NDArray[Any], known: EdfMetadata) -> NDArray[np.int64]:
    """Return the numbers that stand for values."""
    low, high = (np.array(ends)[:, None] for ends in zip(*known.digital, strict=True))
    if not known.are_stored:
        least, most = (np.array(ends)[:, None] for ends in zip(*known.physical, strict=True))
        values = low + (values.astype(np.float64) - least) * (high - low) / (most - least)
    return np.rint(values).clip(low, high).astype(np.int64)


def _record(count: int, num_signals: int, rate: float) -> tuple[int, str]:
    """Choose the length of a record, which divides a signal, and write its duration, exactly where that can be."""
    lengths = [length for length in range(count, 0, -1) if count % length == 0]
    fitting = [length for length in lengths if 3 * num_signals * length <= LARGEST_RECORD_BYTES] or lengths[-1:]
    exact = [length for length in fitting if length / float(_number(length / rate)) == rate]
    length = (exact or fitting)[0]
    return length, _number(length / rate)


def _header(form: Form, known: EdfMetadata, num_records: int, per_record: int, seconds: str) -> bytes:
    count = len(known.of_signals)
    names = form.channel_names or tuple(f"signal {number}" for number in range(1, count + 1))
    version = b"\xffBIOSEMI" if _is_wide(known) else b"0"
    head = [
        (version, 8), ("X X X X", 80), ("Startdate X X X X", 80), ("01.01.85", 8), ("00.00.00", 8),
        (str(HEAD_BYTES + SIGNAL_BYTES * count), 8), ("24BIT" if _is_wide(known) else "", 44), (str(num_records), 8),
        (seconds, 8), (str(count), 4),
    ]  # fmt: skip
    lows, highs = zip(*known.physical, strict=True)
    least, most = zip(*known.digital, strict=True)
    none, lengths = [""] * count, [str(per_record)] * count
    columns = [names, none, known.of_signals, map(_number, lows), map(_number, highs), map(_number, least)]
    columns += [map(_number, most), none, lengths, none]
    fields = [(cell, size) for column, size in zip(columns, FIELD_BYTES, strict=True) for cell in column]
    return b"".join(_field(text, size) for text, size in [*head, *fields])


def _field(text: str | bytes, size: int) -> bytes:
    content = text if isinstance(text, bytes) else text.encode("latin-1", "replace")
    return content[:size].ljust(size)


def _number(number: float) -> str:
    """Write a number in as many characters as there are, with as many digits as fit."""
    texts = [str(int(number)) if number == int(number) else repr(number)]
    texts += [texts[0].replace("0.", ".", 1)] if abs(number) < 1 else []
    texts += [f"{number:.{digits}g}" for digits in range(NUMBER_CHARACTERS, 0, -1)]
    return next(text for text in texts if len(text) <= NUMBER_CHARACTERS)
