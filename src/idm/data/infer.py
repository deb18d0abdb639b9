"""Which source fits a path: what ``idm train --data PATH`` opens when it is told nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idm.core.errors import DataError
from idm.data.array_files import LABEL_FILE, labels_beside
from idm.data.arrow_tables import SPLITS
from idm.data.image_check import gather
from idm.data.image_decode import MAX_PIXELS, ImageHeader, read_header
from idm.data.image_files import SUFFIXES, find_files
from idm.data.index import read_index
from idm.data.parts import TRAIN, parts_of

IMAGES, INDEX = "image_folder", "index"
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})

SOURCE_OF = {
    ".npy": "arrays",
    ".npz": "arrays",
    ".csv": "csv",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".jsonl": "index",
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".parquet": "table",
    ".tar": "webdataset",
    ".tif": "tiff_stack",
    ".tiff": "tiff_stack",
}
"""Which source opens a single file of each suffix."""

WHOLE_FOLDERS = frozenset({"nifti", "table", "webdataset"})
"""Sources that open all of their files in a folder together."""

FOLDERS = WHOLE_FOLDERS | {IMAGES, "tiff_stack", "zarr"}
"""Sources that open folders."""

BY_MEMBER = {
    "zarr.json": "zarr",
    ".zgroup": "zarr",
    ".zarray": "zarr",
    "state.json": "table",
    "dataset_dict.json": "table",
}
"""Which source opens a folder that has a file of this name."""
WANTED = "a folder of images, or a .npy, .npz, .csv, .h5, .nii, .parquet, .tar or .tif file"

LARGEST_SIZE = 64
"""Images are fitted to at most this size unless another is asked for."""


def infer_source(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Name the source that fits a file or folder, and its options.

    A file is read by the source of its suffix, see ``SOURCE_OF``; a folder of images as ``image_folder``; a folder
    with one file of data, or with NIfTI, Parquet or tar files, by the source of these. Images in folders
    keep their one size up to 64 x 64; others are fitted to the largest power of two that none of them falls short of,
    at most 64. An index says itself.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    name, place = locate(path)
    size = fitting(name, {"path": str(place)})
    return name, {"path": str(place)} | ({} if size is None else {"image_size": size})


def fitting(name: str, options: Mapping[str, Any]) -> int | None:
    """Side of the square that the images of a source are brought to where nothing is said of it; None: as they are.

    Args:
        name: name of the source; only folders of images and indexes are looked into.
        options: its options.

    Raises:
        DataError: images that cannot be read.
    """
    place = Path(options["path"])
    if name == INDEX:
        return read_index(place).image_size
    if name != IMAGES:
        return None
    files, _ = find_files(place)
    largest = options.get("max_pixels", MAX_PIXELS)
    return fitting_size(gather(lambda file: read_header(place / file, largest), files))


def part_to_train_on(name: str, place: Path) -> str | None:
    """Name the part to train on of the files that a source reads together; None where they are of no several parts."""
    if not place.is_dir() or name == "zarr":
        return None
    if (place / SPLITS).is_file():
        saved = [path.name for path in place.iterdir() if path.is_dir()]
        return TRAIN if TRAIN in saved else None
    images, others = find_files(place)
    files = images if name in (IMAGES, "tiff_stack") else [file for file in others if source_of_file(file) == name]
    return None if parts_of(files, every=name == IMAGES) is None else TRAIN


def locate(path: str | Path, name: str | None = None) -> tuple[str, Path]:
    """Name the source that fits a file or folder, and the file or folder that it opens.

    Args:
        path: a file or folder.
        name: name of the source, where it is known.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    where = Path(path)
    if name is not None:
        return name, _only_file(where, name)
    if where.is_dir():
        return _in_folder(where)
    if name := source_of_file(where.name):
        return name, where
    if where.is_file():
        wanted = f"the folder that {where.name} is in" if where.suffix.lower() in SUFFIXES else "images or arrays"
        raise DataError(f"{where}: {WANTED} wanted, got one other file; give {wanted}, or set data.source.name")
    raise DataError(f"{where}: {WANTED} wanted, got nothing there; check the path")


def _only_file(where: Path, name: str) -> Path:
    """Return the only file in a folder that a source of single files opens; the path itself in all other cases."""
    if not where.is_dir() or name in FOLDERS:
        return where
    images, others = find_files(where)
    found = [file for file in (*images, *others) if source_of_file(file) == name]
    files = _without_labels(where, found) or found
    return where / files[0] if len(files) == 1 else where


def is_opened_by(where: Path, name: str) -> bool:
    """Whether a source opens what lies at a path, as far as names tell."""
    if not where.is_dir():
        return source_of_file(where.name) in (name, None)
    members = {source for member, source in BY_MEMBER.items() if (where / member).is_file()}
    if members:
        return name in members
    images, others = find_files(where)
    found = {source_of_file(file) for file in (*images, *others)} | ({IMAGES} if images else set())
    return name in found


def source_of_file(file: str) -> str | None:
    """Name the source that opens a file by its suffix; None if none does."""
    return next((name for suffix, name in SOURCE_OF.items() if file.lower().endswith(suffix)), None)


def _in_folder(where: Path) -> tuple[str, Path]:
    for member, name in BY_MEMBER.items():
        if (where / member).is_file():
            return name, where
    images, others = find_files(where)
    found = [(name, file) for file in _without_labels(where, others) if (name := source_of_file(file))]
    notes = {INDEX, "csv"} if images else {INDEX}
    data = [(name, file) for name, file in found if name not in notes]
    if images and not data:
        return IMAGES, where
    names = {name for name, _ in data}
    if len(names) == 1 and not images:
        name, file = data[0]
        if name in WHOLE_FOLDERS:
            return name, where
        if len(data) == 1:
            return name, where / file
    raise DataError(
        f"{where}: a folder with images or with one file of data wanted, got {len(images)} images and "
        f"{len(data)} files of data; give the one file, a folder with the images only, or set data.source.name"
    )


def _without_labels(where: Path, files: Sequence[str]) -> list[str]:
    """Leave out the .npy files that hold the labels of others."""
    arrays = [where / file for file in files if file.lower().endswith(".npy")]
    labels = {where / LABEL_FILE, *filter(None, map(labels_beside, arrays))}
    return [file for file in files if where / file not in labels and Path(file).name != LABEL_FILE]


def fitting_size(headers: Sequence[ImageHeader]) -> int | None:
    """Side of the square that images are fitted to; None where all have one size that is kept, or there are none."""
    if not headers:
        return None
    sizes = {(header.width, header.height) for header in headers}
    if len(sizes) == 1 and max(max(size) for size in sizes) <= LARGEST_SIZE:
        return None
    shortest = min(min(size) for size in sizes)
    return min(LARGEST_SIZE, 1 << (shortest.bit_length() - 1))
