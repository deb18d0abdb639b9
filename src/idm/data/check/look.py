"""Looking at one image file: its hash, its header, its pixels."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from idm.core.errors import DataError
from idm.data.check.image_facts import ImageFacts, read_facts
from idm.data.check.leaks import hash_content, hash_name
from idm.data.hashing import hashed
from idm.data.images.decode import MAX_PIXELS, ImageHeader, decode, read_header
from idm.data.images.items import Deflated, Place, Slice, encoded
from idm.data.images.pixels import PixelPolicy
from idm.data.sources.index import FileEntry


@dataclass(frozen=True)
class Looked:
    """A file that was looked at.

    Attributes:
        place: where it lies.
        entry: its line in the index.
        header: its header, where it is one that is read.
        content: hashes of its pixels, see ``leaks``; of its bytes where it cannot be decoded.
        low: smallest value per channel; empty where it cannot be decoded.
        high: largest value per channel.
        has_resolution: whether it says how large a pixel is, see ``ImageFacts``.
    """

    place: Place
    entry: FileEntry
    header: ImageHeader | None
    content: bytes
    low: tuple[int | float, ...] = ()
    high: tuple[int | float, ...] = ()
    has_resolution: bool = False


def look(
    folder: Path, place: Place, name: str, label: str | None, *, policy: PixelPolicy, max_pixels: int = MAX_PIXELS
) -> Looked:
    """Hash an image, read its header and decode it.

    Args:
        folder: what the paths in the index are relative to.
        place: where the image lies.
        name: its name.
        label: name of its class.
        policy: what becomes of pixels that are neither grey nor RGB.
        max_pixels: largest image that is opened.
    """
    entry = _entry(folder, place, name, label)
    facts = None if entry.sha256 is None else read_facts(place, policy)
    if facts is not None:
        entry = _with_facts(entry, facts)
    header = None
    try:
        header = read_header(place, max_pixels, policy)
        pixels = decode(place, header.kind, None, policy)
    except DataError as error:
        return Looked(place, replace(entry, refusal=error.lines[0]), header, hash_name(entry.sha256 or name))
    seen = replace(entry, size=(header.width, header.height))
    resolved = facts is not None and facts.has_resolution
    return Looked(place, seen, header, hash_content(pixels), *_range(pixels), has_resolution=resolved)


def _entry(folder: Path, place: Place, name: str, label: str | None) -> FileEntry:
    packed = place.packed if isinstance(place, Deflated) else None
    part = place.plain if isinstance(place, Deflated) else place
    if not isinstance(part, Slice):
        assert isinstance(part, Path)
        return FileEntry(name, *hashed(part), label=label)
    digest = _digest(place)
    archive, offset = part.file.relative_to(folder).as_posix(), part.offset
    return FileEntry(name, part.length, digest, label=label, archive=archive, offset=offset, packed=packed)


def _digest(place: Place) -> str | None:
    """Hash the bytes of a part of an archive; None where they cannot be unpacked, which decoding says."""
    try:
        return hashlib.sha256(encoded(place)).hexdigest()
    except DataError:
        return None


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
