"""Looking at one image file: its hash, its header, its pixels."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from idm.core.errors import DataError
from idm.data.check.image_facts import ImageFacts, read_facts
from idm.data.check.result import FileEntry
from idm.data.image_decode import ImageHeader, decode, read_header

HASHED_BYTES = 1 << 20
"""How much of a file is hashed in one piece."""


@dataclass(frozen=True)
class Looked:
    """A file that was looked at.

    Attributes:
        entry: its line in the index.
        header: its header, where it is one that is read.
        digest: hash of its pixels; of its bytes where it cannot be decoded.
        low: smallest value per channel; empty where it cannot be decoded.
        high: largest value per channel.
    """

    entry: FileEntry
    header: ImageHeader | None
    digest: str
    low: tuple[int | float, ...] = ()
    high: tuple[int | float, ...] = ()


def look(root: Path, file: str, label: str | None) -> Looked:
    """Hash a file, read its header and decode it."""
    path = root / file
    size, digest = hashed(path)
    facts = None if digest is None else read_facts(path)
    entry = FileEntry(file, size, digest, label=label)
    if facts is not None:
        entry = _with_facts(entry, facts)
    header = None
    try:
        header = read_header(path)
        pixels = decode(path, header.kind, None)
    except DataError as error:
        return Looked(replace(entry, refusal=error.lines[0]), header, digest or file)
    content = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    return Looked(replace(entry, size=(header.width, header.height)), header, content, *_range(pixels))


def _with_facts(entry: FileEntry, facts: ImageFacts) -> FileEntry:
    return replace(
        entry,
        format=facts.format,
        mode=facts.mode,
        size=facts.size,
        orientation=facts.orientation,
        conversions=facts.conversions,
    )


def _range(pixels: Shaped[np.ndarray, "c h w"]) -> tuple[tuple[int | float, ...], tuple[int | float, ...]]:
    flat = pixels.reshape(len(pixels), -1)
    return tuple(flat.min(axis=1).tolist()), tuple(flat.max(axis=1).tolist())


def hashed(path: Path) -> tuple[int | None, str | None]:
    """Size and SHA-256 of a file; None for what is no file or cannot be opened."""
    if not path.is_file():
        return None, None
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(HASHED_BYTES):
                digest.update(piece)
    except OSError:
        return path.stat().st_size, None
    return path.stat().st_size, digest.hexdigest()
