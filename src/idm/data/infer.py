"""Which source fits a path: what ``idm train --data PATH`` opens when it is told nothing else."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.core.text import counted
from idm.data.arrays.arrow import parts_in_table
from idm.data.arrays.files import LABEL_FILE, labels_beside
from idm.data.arrays.tiff_tags import is_beyond_pictures
from idm.data.images.check import gather
from idm.data.images.decode import MAX_PIXELS, read_header
from idm.data.images.files import SUFFIXES, find_files
from idm.data.images.fitting import fitting_size
from idm.data.images.items import Place
from idm.data.images.pixels import policy_of
from idm.data.images.resize import ImageSize
from idm.data.own_results import result_names
from idm.data.parts import TRAIN, choose_part, part_of_name, parts_of
from idm.data.sources.array_folder import SAMPLE_SUFFIX, holds_samples
from idm.data.sources.csv_images import parts_in_csv
from idm.data.sources.index import read_index
from idm.data.sources.numeric_csv import holds_numbers, parts_in_numbers
from idm.data.sources.tiff_stack import TIFF_SUFFIXES, holds_measurements
from idm.data.sources.zipped import list_zip, parts_in_zip
from idm.data.suffixes import (
    BY_MEMBER,
    FOLDERS,
    IMAGES,
    INDEX,
    NAMED_FREELY,
    WHOLE_FOLDERS,
    source_of_file,
    sources_of,
)

LISTING: dict[str, Callable[..., dict[str, str | None]]] = {
    "csv": parts_in_csv,
    "numeric_csv": parts_in_numbers,
    "table": parts_in_table,
    "zip": parts_in_zip,
}
"""What tells the parts of sources whose rows may be of parts."""

ZIP = "zip"
FITTED = frozenset({IMAGES, ZIP})
"""Sources whose images are brought to a size that fits where nothing is said of it."""

WANTED = (
    "a folder of images, or a .npy, .npz, .csv, .dcm, .edf, .fits, .flac, .h5, .idx, .nc, .nii, .parquet, .tar, "
    ".tif, .wav or .zip file"
)


def infer_source(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Name the source that fits a file or folder, and its options.

    A file is read by the source of its suffix, see ``SOURCE_OF``; a folder of images as ``image_folder``; a folder
    with one file of data, or with files of a source in ``WHOLE_FOLDERS``, by the source of these. Images in folders
    keep their one size up to 64 x 64, and larger ones their one shape; others are fitted to the largest power of two
    that none of them falls short of, at most 64. An index says itself.

    Raises:
        DataError: nothing there, nothing that is read, or more than one thing.
    """
    name, place = locate(path)
    size = fitting(name, {"path": str(place)})
    return name, {"path": str(place)} | ({} if size is None else {"image_size": size})


def fitting(name: str, options: Mapping[str, Any]) -> ImageSize | None:
    """What the images of a source are brought to where nothing is said of it; None: as they are.

    Args:
        name: name of the source; only folders and zip archives of images, and indexes, are looked into.
        options: its options.

    Raises:
        DataError: images of the part that is read which cannot be read, or no such part.
    """
    place = Path(options["path"])
    if name == INDEX:
        return read_index(place).image_size
    if name not in FITTED:
        return None
    places = _places(name, place, options.get("split"))
    largest, policy = options.get("max_pixels", MAX_PIXELS), policy_of(options.get("pixels"))
    return fitting_size(gather(lambda one: read_header(one, largest, policy), places))


def _places(name: str, where: Path, split: str | None) -> Sequence[Place]:
    """List the images of the part that is read, in a folder or a zip archive."""
    if name == ZIP:
        return list_zip(where, "none", split).places
    return [where / file for file in choose_part(where, find_files(where)[0], split, every=True).files]


def parts_in(name: str, options: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the part of each file, or of each row, that a source reads, by name; nothing where they are of no parts.

    Args:
        name: name of the source.
        options: its options, with a path; what they are wrong in, the source refuses itself.
    """
    place = Path(options["path"])
    if name in LISTING:
        with suppress(DataError):
            known = inspect.signature(LISTING[name]).parameters
            return LISTING[name](place, **{key: value for key, value in options.items() if key in known})
        return {}
    if not place.is_dir() or name == "zarr":
        return {}
    images, others = find_files(place)
    files = images if name in (IMAGES, "tiff", "tiff_stack") else [file for file in others if name in sources_of(file)]
    return dict(zip(files, parts_of(files, every=name in NAMED_FREELY) or (), strict=False))


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
        return _by_content(name, where), where
    if where.is_file():
        if where.suffix.lower() in SUFFIXES:
            raise DataError(f"{where}: {WANTED} wanted, got a single image; give the folder that {where.name} is in")
        raise DataError(f"{where}: {WANTED} wanted, got one other file; give images or arrays, or set data.source.name")
    raise DataError(f"{where}: {WANTED} wanted, got {kind_at(where)}; check the path")


def _only_file(where: Path, name: str) -> Path:
    """Return the only file in a folder that a source of single files opens; the path itself in all other cases."""
    if not where.is_dir() or name in FOLDERS:
        return where
    images, others = find_files(where)
    found = [file for file in (*images, *others) if name in sources_of(file)]
    files = _without_labels(where, found) or found
    return where / files[0] if len(files) == 1 else where


def is_opened_by(where: Path, name: str) -> bool:
    """Whether a source opens what lies at a path, as far as names tell."""
    if not where.is_dir():
        return name in sources_of(where.name) or source_of_file(where.name) is None
    members = {source for member, source in BY_MEMBER.items() if (where / member).is_file()}
    if members:
        return name in members
    images, others = find_files(where)
    found = set().union(*map(sources_of, (*images, *others)), {IMAGES} if images else ())
    return name in found


def _by_content(name: str, file: Path) -> str:
    """Name the source of a file by what is in it, where its suffix leaves several."""
    if name == "tiff_stack" and is_beyond_pictures(file):
        return "tiff"
    return "numeric_csv" if name == "csv" and holds_numbers(file) else name


def _in_folder(where: Path) -> tuple[str, Path]:
    for member, name in BY_MEMBER.items():
        if (where / member).is_file():
            return name, where
    images, others = find_files(where)
    found = [(name, file) for file in _without_labels(where, others) if (name := source_of_file(file))]
    notes = {INDEX, "csv"} if images else {INDEX}
    data = [(name, file) for name, file in found if name not in notes]
    if images and not data:
        are_tiff = all(file.lower().endswith(TIFF_SUFFIXES) for file in images)
        if are_tiff and is_beyond_pictures(where / images[0]):
            return "tiff", where
        return "tiff_stack" if are_tiff and holds_measurements(where / images[0]) else IMAGES, where
    names = {name for name, _ in data}
    if len(names) == 1 and not images:
        name, file = data[0]
        if name in WHOLE_FOLDERS:
            return name, where
        if name == "arrays" and holds_samples(where, [file for _, file in data]):
            return "array_folder", where
        if len(data) == 1:
            return _by_content(name, where / file), where / file
    own = [file for file in result_names(where) if not images and not data and source_of_file(file) == "arrays"]
    if len(own) == 1:
        return "arrays", where / own[0]
    raise DataError(
        f"{where}: a folder with images or with one file of data wanted, got {counted(len(images), 'image')} and "
        f"{counted(len(data), 'file')} of data; {_way_out(images, data)}"
    )


def _way_out(images: Sequence[str], data: Sequence[tuple[str, str]]) -> str:
    """Say what to do with a folder of no images or files of data, or of too many."""
    arrays = [file for _, file in data if file.lower().endswith(SAMPLE_SUFFIX)]
    folders = {IMAGES for _ in images[:1]} | {"array_folder" for _ in arrays[1:]}
    kinds = Counter(name for name, _ in data if name in WHOLE_FOLDERS)
    named = "".join(f", or set data.source.name={name}" for name in sorted(folders | kinds.keys()))
    if not data:
        return "give the folder or file that holds the data"
    if len(data) == 1:
        return f"give {data[0][1]} in it, or a folder with the images only{named}"
    most, count = kinds.most_common(1)[0] if kinds else ("", 0)
    if 2 * count > len(data) > count and not folders:
        left_out = next(file for name, file in data if name != most)
        return (
            f"set data.source.name={most} to read the {counted(count, 'file')} of that kind, without {left_out}"
            f"{f' and {len(data) - count - 1:,} more' if len(data) - count > 1 else ''}, or give one of them"
        )
    files = [file for _, file in data]
    to_train_on = [file for file in files if part_of_name(Path(file).name) == TRAIN]
    return f"give one of them, such as {(to_train_on or files)[0]}, or put all samples into one file{named}"


def _without_labels(where: Path, files: Sequence[str]) -> list[str]:
    """Leave out the .npy files that hold the labels of others."""
    arrays = [where / file for file in files if file.lower().endswith(".npy")]
    labels = {where / LABEL_FILE, *filter(None, map(labels_beside, arrays))}
    return [file for file in files if where / file not in labels and Path(file).name != LABEL_FILE]
