"""Data that were indexed: nothing but what the index lists, in its order, and only while it is what it was."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from idm.core.errors import DataError, UnreadableFileError
from idm.core.registry import Registry
from idm.data.base import Source
from idm.data.file_names import Finder, composed
from idm.data.hashing import files_of, hashed
from idm.data.images.archives import LARGEST_BYTES, LARGEST_RATIO
from idm.data.images.check import gather
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.items import Deflated, Indexed, Slice, changed
from idm.data.images.pixels import PixelRule
from idm.data.images.resize import ImageSize
from idm.data.images.source import ImageList, ImageOptions, ImageSource
from idm.data.sources.index import WAY_OUT, FileEntry, Index, fits, read_index

ENCODED = frozenset({"image_folder", "csv", "webdataset", "zip"})
"""Sources whose index tells of every image."""

WHOLE = frozenset(
    {
        "array_folder",
        "arrays",
        "dicom",
        "edf",
        "fits",
        "hdf5",
        "idx",
        "netcdf",
        "nifti",
        "numeric_csv",
        "sound",
        "table",
        "tiff",
        "tiff_stack",
        "wav",
        "zarr",
    }
)
"""Sources whose index tells of the files that they open."""

MAX_REFUSED = 0.01
"""Share of images that may be left out unless told otherwise."""


def source_of_indexes(sources: Registry[Source]) -> Callable[..., Source]:
    """Make the source that reads indexes; what they say of other data than images is opened by those ``sources``."""

    def index_source(
        path: str | Path,
        *,
        folder: str | None = None,
        max_refused: Annotated[float, Ge(0), Le(1)] = MAX_REFUSED,
        image_size: ImageSize | None = None,
        upscale: bool = False,
        max_pixels: int = MAX_PIXELS,
        pixels: PixelRule = "refuse",
        apart: tuple[str, ...] = (),
        in_patches: bool = False,
        num_axes: int | None = None,
    ) -> Source:
        """Open what an index lists, without what the check refused; it compares sizes of files, and hashes of contents.

        Args:
            path: an index that ``idm check-data PATH --out DIR`` wrote.
            folder: where the data lie, if they were moved since.
            max_refused: largest share of images that may be left out because the check refused them.
            image_size: for images, what they are resized and cropped to: a side, or height and width; kept by default.
            upscale: allow images that are smaller than image_size.
            max_pixels: largest image that is opened.
            pixels: what becomes of transparency, CMYK and 16-bit colour: refuse, convert, white, black or keep.
            apart: columns or arrays that are neither samples nor labels, see the sources that have them.
            in_patches: samples are cut into patches, see there.
            num_axes: number of axes of space that they have, where it is known, see there.

        Raises:
            UnreadableFileError: no index; a file that cannot be read.
            DataError: files that are gone or changed, by name; too many refused; data that do not suit.
        """
        where, index = Path(path).absolute(), read_index(Path(path).absolute())
        root = Path(folder or index.folder)
        if index.source in ENCODED:
            kept = _without_refused(where, index, max_refused)
            return ImageSource(_images(where, root, index, kept), ImageOptions(image_size, upscale, max_pixels, pixels))
        return _whole(where, root, index, sources, apart=apart, in_patches=in_patches, num_axes=num_axes)

    return index_source


def _without_refused(where: Path, index: Index, max_refused: float) -> list[FileEntry]:
    kept = [entry for entry in index.files if entry.refusal is None]
    total, refused = len(index.files), len(index.files) - len(kept)
    if refused > max_refused * total:
        raise DataError(
            f"max_refused: at most {max_refused:.1%} of refused files wanted, got {refused / total:.1%} "
            f"({refused:,} of {total:,} in {where}); repair them and check the data again, or raise "
            "data.source.max_refused to do without them"
        )
    if not kept:
        raise DataError(f"{where}: an index with images wanted, got none; check the data again")
    return kept


def _images(where: Path, root: Path, index: Index, kept: Sequence[FileEntry]) -> ImageList:
    finder = Finder(root)
    places = gather(lambda entry: _place(finder, entry), kept)
    names = index.class_names
    if names is None:
        labels, present = None, None
    else:
        number = {name: row for row, name in enumerate(names)}
        if others := [entry.path for entry in kept if entry.label not in number]:
            raise DataError(f"{where}: a class of its list wanted for every image, got another for {others[0]}")
        of_all = np.array([number[str(entry.label)] for entry in kept], dtype=np.int64)
        distinct, labels = np.unique(of_all, return_inverse=True)
        present = tuple(names[row] for row in distinct)
    note = f"as indexed in {where.name}, {'no labels' if names is None else 'labels from there'}"
    refused = len(index.files) - len(kept)
    note += f", without {refused:,} refused" if refused else ""
    return ImageList(places, [entry.path for entry in kept], labels, note, present)


def _place(finder: Finder, entry: FileEntry) -> Indexed:
    """Say where an image lies, and compare its size.

    Raises:
        DataError: it is gone, or has another size.
    """
    assert entry.num_bytes is not None, "what has no size was refused"
    assert entry.sha256 is not None, "what has no hash was refused"
    if entry.archive is not None:
        return Indexed(_part(finder.find(entry.archive), entry), entry.num_bytes, entry.sha256)
    path = finder.find(entry.path)
    _compare_size(path, entry)
    return Indexed(path, entry.num_bytes, entry.sha256)


def _part(archive: Path, entry: FileEntry) -> Slice | Deflated:
    """Say where an image lies in an archive.

    Raises:
        DataError: the archive is gone, or too short, or an image unpacked larger than it can be.
    """
    assert entry.archive is not None, "it lies in an archive"
    assert entry.num_bytes is not None, "what has no size was refused"
    length = entry.num_bytes if entry.packed is None else entry.packed
    size = archive.stat().st_size if archive.is_file() else 0
    if not 0 <= entry.offset <= entry.offset + length <= size:
        raise changed(archive, f"no file, or one without byte {entry.offset + length:,}")
    plain = Slice(archive, entry.path.removeprefix(f"{entry.archive}/"), entry.offset, entry.num_bytes)
    if entry.packed is None:
        return plain
    if not 0 <= entry.num_bytes <= min(LARGEST_BYTES, LARGEST_RATIO * length):
        raise changed(archive, f"{entry.num_bytes:,} bytes of {length:,}")
    return Deflated(plain, entry.packed)


def _compare_size(path: Path, entry: FileEntry) -> None:
    if not path.is_file():
        raise changed(path, "nothing there")
    if (size := path.stat().st_size) != entry.num_bytes:
        raise changed(path, f"{size:,} bytes instead of {entry.num_bytes:,}")


def _whole(where: Path, root: Path, index: Index, sources: Registry[Source], **given: Any) -> Source:
    """Compare all files, then open them with their own source, which takes what is given."""
    if index.source not in WHOLE:
        raise DataError(f"{where}: an index of {', '.join(sorted(ENCODED | WHOLE))} wanted, got {index.source}")
    refusals = [entry.refusal for entry in index.files if entry.refusal is not None]
    if refusals:
        raise DataError(f"{refusals[0]} (refused in {where}; check the data again when they are repaired)")
    known = {composed(entry.path) for entry in index.files}
    if new := [root / name for name in files_of(root, index.file) if composed(name) not in known]:
        raise DataError(f"{new[0]}: a file of the index wanted, got a new one; remove it, or check the data again")
    finder = Finder(root)
    gather(lambda entry: _compare(finder.find(entry.path), entry), index.files)
    options = {**_options(where, index, sources), "path": str(finder.find(index.file))}
    return sources.build(index.source, options, **given)


def _options(where: Path, index: Index, sources: Registry[Source]) -> Mapping[str, Any]:
    """Return the options that the data were checked with.

    Raises:
        UnreadableFileError: options that the source does not have, or values of another type.
    """
    known = sources.options(index.source)
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in index.options.items()}
    for name, value in options.items():
        if name not in known or not fits(known[name].annotation, value):
            raise UnreadableFileError(f"{where}: cannot be read as an index (wrong option {name}); {WAY_OUT}")
    return options


def _compare(path: Path, entry: FileEntry) -> None:
    _compare_size(path, entry)
    if hashed(path)[1] != entry.sha256:
        raise changed(path, "other contents")
