"""Which source fits a path: what ``idm train --data PATH`` opens when it is told nothing else."""

from pathlib import Path
from typing import Any

from idm.core.errors import DataError
from idm.data.array_files import LABEL_FILE
from idm.data.image_check import gather
from idm.data.image_decode import read_header
from idm.data.image_files import SUFFIXES, find_files

ARRAY_SUFFIXES = frozenset({".npy", ".npz"})
LARGEST_SIZE = 64
"""Images are fitted to at most this size unless another is asked for."""


def infer_source(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Name the source that fits a file or folder, and its options.

    A .npy or .npz file, or a folder with one of them, is read as ``arrays``; a folder of images as ``image_folder``.
    Images of one size of at most 64 x 64 keep it; others are fitted to the largest power of two that none of
    them falls short of, at most 64.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    where = Path(path)
    if where.suffix.lower() in ARRAY_SUFFIXES and not where.is_dir():
        return "arrays", {"path": str(where)}
    if where.is_file():
        wanted = f"the folder that {where.name} is in" if where.suffix.lower() in SUFFIXES else "images or arrays"
        raise DataError(
            f"{where}: a folder of images, or a .npy or .npz file wanted, got one other file; give {wanted}"
        )
    images, others = find_files(where)
    arrays = [file for file in others if Path(file).suffix.lower() in ARRAY_SUFFIXES and Path(file).name != LABEL_FILE]
    if images and not arrays:
        return "image_folder", {"path": str(where), **_image_size(where, images)}
    if len(arrays) == 1 and not images:
        return "arrays", {"path": str(where / arrays[0])}
    raise DataError(
        f"{where}: a folder with images or with one .npy or .npz file wanted, "
        f"got {len(images)} images and {len(arrays)} array files; give the one file, or a folder with the images only"
    )


def _image_size(root: Path, files: list[str]) -> dict[str, int]:
    headers = gather(lambda file: read_header(root / file), files)
    sizes = {(header.width, header.height) for header in headers}
    if len(sizes) == 1 and max(max(size) for size in sizes) <= LARGEST_SIZE:
        return {}
    shortest = min(min(size) for size in sizes)
    return {"image_size": min(LARGEST_SIZE, 1 << (shortest.bit_length() - 1))}
