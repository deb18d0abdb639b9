"""What in a pickle would take far more than its size to read, told from its opcodes before anything is made of them.

A tuple that holds another one twice, which does so in turn, takes a few bytes and stands for endlessly many parts: as a
name in a dict it is hashed part by part, which nothing interrupts. A bytearray is made of a number, its length.
"""

import io
import zipfile
from pathlib import Path
from pickletools import OpcodeInfo, genops, markobject, opcodes
from typing import Any

ZIP = b"PK\x03\x04"
"""How a file begins that torch reads as an archive; others are pickles one after another, as it wrote them before."""

LEGACY_PICKLES = 5
"""How many lie there before the numbers."""

LARGEST_PICKLE_BYTES = 2**23
"""Bytes of the largest that is read: a tensor takes about 150 of them, a number in a list 9."""

TUPLES_TOLD, MOST_SHARED, DEEPEST = 10_000, 10, 100
"""Most parts of tuples that are told more than once: at first, more for each operation; and how deep they may be."""

EFFECTS = {
    code.name: (
        markobject in code.stack_before,
        (code.stack_before.index(markobject) if markobject in code.stack_before else len(code.stack_before)),
        len(code.stack_after),
    )
    for code in opcodes
}
"""Whether an operation takes all values down to a mark, how many (below it) it takes besides, and how many it makes."""

PLAIN = (1, 0)
"""Parts and depth of a value that is no tuple."""


def oddity(path: Path) -> str | None:
    """Say what in a file for ``torch.load`` would cost far more than its size; None if nothing does.

    Raises:
        BadZipFile: a damaged archive.
    """
    with path.open("rb") as file:
        archived = file.read(len(ZIP)) == ZIP
        file.seek(0)
        head = io.BytesIO(b"" if archived else file.read(LARGEST_PICKLE_BYTES))
    if archived:
        return _in_archive(path)
    found = [_in_pickle(head) for _ in range(LEGACY_PICKLES)]
    large = _too_large(path.stat().st_size) if head.tell() == LARGEST_PICKLE_BYTES else None
    return next(filter(None, found), large)


def _in_archive(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            return "a compressed archive"
        for entry in entries:
            if entry.filename.lower().endswith("data.pkl"):  # torch finds it in capitals, too
                large = entry.file_size > LARGEST_PICKLE_BYTES
                found = _too_large(entry.file_size) if large else _in_pickle(io.BytesIO(archive.read(entry)))
                if found is not None:
                    return found
    return None


def _too_large(size: int) -> str:
    return f"{size:,} bytes, of which more than {LARGEST_PICKLE_BYTES:,} are no numbers of tensors"


def _in_pickle(stream: io.BytesIO) -> str | None:
    """Say what is odd in the next pickle; what is none has nothing odd, whoever reads it says so."""
    values = _Values()
    try:
        return next(filter(None, (values.take(code, argument) for code, argument, _ in genops(stream))), None)
    except (ValueError, LookupError):
        return None


class _Values:
    """How many parts the values have that a pickle's operations so far made, and how deep they are, if tuples."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, int]] = []
        self._marks: list[int] = []
        self._memo: dict[Any, tuple[int, int]] = {}
        self._allowed = TUPLES_TOLD

    def take(self, code: OpcodeInfo, argument: Any) -> str | None:
        """Follow an operation; say what is odd in what it makes."""
        name, stack, self._allowed = code.name, self._stack, self._allowed + MOST_SHARED
        if "PUT" in name:
            self._memo[argument] = stack[-1]
        elif "GET" in name:
            stack.append(self._memo[argument])
            self._allowed -= stack[-1][0] - 1
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name == "GLOBAL" and argument.endswith(" bytearray"):
            return "a bytearray"
        else:
            to_mark, besides, made = EFFECTS[name]
            first = (self._marks.pop() if to_mark else len(stack)) - besides
            stack[first:] = [_tuple_of(stack[first:]) if "TUPLE" in name else PLAIN] * made
        endless = self._allowed < 0 or (stack and stack[-1][1] > DEEPEST)
        return "tuples within tuples without end" if endless else None


def _tuple_of(items: list[tuple[int, int]]) -> tuple[int, int]:
    return 1 + sum(parts for parts, _ in items), 1 + max((depth for _, depth in items), default=0)
