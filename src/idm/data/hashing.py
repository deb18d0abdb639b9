"""SHA-256 of files, and which files there are to be hashed."""

import hashlib
from pathlib import Path

from idm.data.arrays.files import labels_beside
from idm.data.arrays.idx_files import is_idx, labels_of_idx
from idm.data.own_results import walk_without_results

HASHED_BYTES = 1 << 20
"""How much of a file is hashed in one piece."""

METADATA = (".zarray", ".zgroup", ".zattrs", ".zmetadata")
"""Hidden files that belong to data."""


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


def files_of(folder: Path, file: str) -> list[str]:
    """List the files that a source reads which opens a file (with the labels beside it), or else a whole folder.

    Args:
        folder: the folder that paths are relative to.
        file: a file in it; "": all files below the folder, without hidden ones and what this program wrote.
    """
    if file:
        place, is_array = folder / file, file.lower().endswith(".npy")
        beside = labels_beside(place) if is_array else labels_of_idx(place) if is_idx(file) else None
        return [file] if beside is None else [file, beside.name]
    found = (
        path.relative_to(folder)
        for here, _, names in walk_without_results(folder)
        for path in (here / name for name in names)
        if path.is_file()
    )
    return sorted(path.as_posix() for path in found if path.name in METADATA or not _is_hidden(path))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
