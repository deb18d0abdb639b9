"""EDF files by the specification, for tests of what is read and refused."""

import numpy as np


def edf_of(values, per_record=None, seconds=1.0, records=None, notes=(), kind="", width=2, **fields):
    """Return an EDF file of signals s0, s1, ... in mV over 10, with a record of ten numbers each second.

    Args:
        values: numbers [signals, frames].
        per_record: numbers of each signal in a record; 10 by default.
        seconds: duration of a record.
        records: number of records that the header declares.
        notes: annotations of each record, as bytes.
        kind: what the header says of gaps, such as EDF+D.
        width: bytes of a number.
        fields: other texts of the header's entries for all signals, by name: physical_min and so on.
    """
    per_record = per_record or (10,) * len(values)
    rows = [
        signal[: len(signal) // count * count].reshape(-1, count)
        for signal, count in zip(values, per_record, strict=True)
    ]
    number = min(map(len, rows))
    limit = 2 ** (8 * width - 1)
    usual = {"physical_min": f"{-limit / 10:g}", "physical_max": f"{(limit - 1) / 10:.8g}"[:8]}
    usual |= {"digital_min": str(-limit), "digital_max": str(limit - 1)} | fields
    labels = [*(f"s{row}" for row in range(len(values))), *(["EDF Annotations"] if notes else [])]
    counts = [*per_record, *([max(map(len, notes)) // width + 1] if notes else [])]
    signals = [
        (labels, 16),
        ([""] * len(labels), 80),
        (["mV"] * len(labels), 8),
        *(([usual[name]] * len(labels), 8) for name in ("physical_min", "physical_max", "digital_min", "digital_max")),
        ([""] * len(labels), 80),
        (counts, 8),
        ([""] * len(labels), 32),
    ]
    version = b"0".ljust(8) if width == 2 else b"\xffBIOSEMI"
    texts = [
        ("patient", 80),
        ("recording", 80),
        ("01.01.25", 8),
        ("00.00.00", 8),
        (256 * (len(labels) + 1), 8),
        (kind, 44),
    ]
    texts += [(number if records is None else records, 8), (f"{seconds:g}", 8), (len(labels), 4)]
    texts += [(text, size) for entries, size in signals for text in entries]
    head = version + b"".join(str(text).encode().ljust(size) for text, size in texts)
    content = b""
    for record in range(number):
        for signal in rows:
            content += signal[record].astype("<i4").reshape(-1, 1).view("u1")[:, :width].tobytes()
        content += notes[record].ljust(counts[-1] * width, b"\0") if notes else b""
    return head + content


def note(onset, *texts, duration=None):
    """Return annotations at a time, as EDF+ writes them; without texts, the time of a record."""
    length = b"" if duration is None else f"\x15{duration:g}".encode()
    return (
        f"{onset:+g}".encode() + length + b"\x14" + b"".join(text.encode() + b"\x14" for text in texts or ("",)) + b"\0"
    )


def numbers(signals, frames, width=2):
    """Random numbers that fill the range."""
    limit = 2 ** (8 * width - 1)
    values = np.random.default_rng(frames).integers(-limit, limit, (signals, frames))
    values[:, :1], values[:, 1:2] = -limit, limit - 1
    return values
