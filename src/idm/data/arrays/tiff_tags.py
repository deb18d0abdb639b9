"""What the first page of a TIFF file says of its pixels, without a library: whether they are more than a picture's."""

import struct
from io import BufferedReader
from pathlib import Path

HEADS = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
"""Order of bytes, and whether offsets have 64 bits, by the first four bytes."""

BITS, SAMPLES, SAMPLE_FORMAT = 258, 277, 339
UNSIGNED, SIGNED = 1, 2

MOST_PICTURE_CHANNELS = 4
"""Most channels of pictures."""


def is_beyond_pictures(where: Path) -> bool:
    """Whether pixels have many bands, or bits that picture libraries do not keep."""
    try:
        with where.open("rb") as file:
            order, is_long = HEADS[file.read(4)]
            file.seek(8 if is_long else 4)
            (place,) = struct.unpack(f"{order}{'Q' if is_long else 'I'}", file.read(8 if is_long else 4))
            file.seek(place)
            (number,) = struct.unpack(f"{order}{'Q' if is_long else 'H'}", file.read(8 if is_long else 2))
            size = 20 if is_long else 12
            entries = file.read(size * min(number, 200))
            tags = {
                struct.unpack_from(f"{order}H", entries, at)[0]: entries[at : at + size]
                for at in range(0, len(entries) - size + 1, size)
            }
            samples, form, bits = (
                _first(file, tags.get(tag), order, is_long=is_long) for tag in (SAMPLES, SAMPLE_FORMAT, BITS)
            )
    except (OSError, KeyError, ValueError, struct.error):  # ValueError: a place beyond those that files have
        return False
    is_odd = (bits, form) in ((64, UNSIGNED), (64, SIGNED), (64, 3), (32, UNSIGNED), (8, SIGNED), (16, 3))
    return samples > MOST_PICTURE_CHANNELS or (samples > 1 and bits > 8) or is_odd


def _first(file: BufferedReader, entry: bytes | None, order: str, *, is_long: bool) -> int:
    """Return the first number of an entry, which lies elsewhere where there are many; 1, the usual one, without it."""
    if entry is None:
        return 1
    (count,) = struct.unpack_from(f"{order}{'Q' if is_long else 'I'}", entry, 4)
    numbers = entry[12 if is_long else 8 :]
    if 2 * count > len(numbers):
        file.seek(struct.unpack(f"{order}{'Q' if is_long else 'I'}", numbers)[0])
        numbers = file.read(2)
    return int(struct.unpack_from(f"{order}H", numbers)[0])
