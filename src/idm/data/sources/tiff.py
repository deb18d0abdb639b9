"""TIFF files of any number of bands, pages and bits, as scientific instruments and ImageJ write them."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.core.places import kind_at
from idm.data.arrays.alike import refuse_unlike
from idm.data.arrays.listing import list_files
from idm.data.arrays.measured import Missing, MissingRule
from idm.data.arrays.named import refuse_unstored
from idm.data.arrays.nan_source import NanSource
from idm.data.arrays.on_disk import OnDisk
from idm.data.arrays.packing import Packing
from idm.data.arrays.pieces import Pieces
from idm.data.base import Indices
from idm.data.cutting import Window
from idm.data.extras import import_extra, quiet
from idm.data.images.check import gather
from idm.data.images.files import LabelRule
from idm.data.metadata import TiffMetadata, of_pieces
from idm.data.metadata.tiff import KEPT, MOST_VALUES, kept_tags
from idm.data.names import chosen_names
from idm.data.reading.damage import reading
from idm.data.sources.tiff_stack import TIFF_SUFFIXES

SPACE, CHANNELS = "ZYX", "CS"
"""Letters of axes of space, and of channels and samples of a pixel; all others number pages, such as time."""

UNPACKED = 1
"""TIFF's code of no compression."""


@dataclass(frozen=True)
class TiffFile:
    """What the first series of a file holds.

    Attributes:
        where: the file.
        axes: letter of each axis.
        shape: its shape.
        dtype: of its pixels, in the machine's byte order.
        order: "<" or ">".
        offset: bytes before the pixels, where they lie one after the other; None where pages are scattered.
        metadata: what the file says of the place and size of pixels; None: nothing.
    """

    where: Path
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["<", ">"]
    offset: int | None
    metadata: TiffMetadata | None = None

    def sizes(self, axes: str) -> tuple[int, ...]:
        """Return the sizes of axes."""
        return tuple(self.shape[self.axes.index(axis)] for axis in axes)

    def array(self) -> NDArray[Any] | OnDisk:
        """Return the pixels, left on disk where they lie one after the other.

        Raises:
            UnreadableFileError: they are not there any more.
        """
        with reading(self.where, "a TIFF file", "restore it"):
            if self.offset is not None:
                return OnDisk.of(self.where, self.dtype.newbyteorder(self.order), self.offset, self.shape)
            with opened(self.where) as file:
                return file.series[0].asarray().reshape(self.shape)


class Tiff(NanSource):
    """Pages of TIFF files with their bands as channels, without compression (needs tifffile).

    Axes are those that ImageJ, OME and others wrote into the file: time and pages number samples, depth is space.

    Args:
        path: a TIFF file, or a folder of them.
        pages: what pages are that are neither depth nor channels: samples, or channels such as bands.
        missing: what becomes of NaN: "refuse" it, "fill" it, or "skip" the samples that have some.
        fill: what stands for NaN with missing=fill.
        labels: where the classes of files come from, as for folders of images.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
        in_patches: samples are cut into patches, of which those that miss values are skipped with missing=skip.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        pages: Literal["samples", "channels"] = "samples",
        missing: MissingRule = "refuse",
        fill: float = 0.0,
        labels: LabelRule = "none",
        split: str | None = None,
        in_patches: bool = False,
    ) -> None:
        """Judge the headers of all files and look at the values of floats.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: tifffile is missing; no files; compressed pixels; files of another shape or dtype.
        """
        where = Path(path).absolute()
        found = list_files(where, "TIFF files", lambda name: name.lower().endswith(TIFF_SUFFIXES), split, every=False)
        self._open(gather(open_tiff, found.files), pages)
        of_files, class_names, note = found.labels(labels)
        known = None
        if of_files is not None and class_names is not None:
            known = np.array(class_names)[of_files[self._pieces.owners]]
        first, shape = self._files[0], (self._pieces.total, *self._inner)
        rule = Missing(missing, fill, Packing(first.dtype).may_miss, in_patches)
        self._adopt_measured(where, shape, first.dtype, known, rule, channels="first")
        self.names = chosen_names(self._pieces.names(found.names) if self._along else found.names, self._kept)
        self.metadata = _agreed([file.metadata for file in self._files], self.shape)
        self.note = f"TIFF, axes {first.axes}, {self.note}, {note}"
        self.remarks = (*found.remarks, *self._about_missing)

    def _open(self, files: list[TiffFile], pages: str) -> None:
        """Compare all files, and decide what their axes are."""
        self._files, axes = files, files[0].axes
        of_channels = "".join(axis for axis in axes if axis in CHANNELS)
        others = "".join(axis for axis in axes if axis not in SPACE + CHANNELS)
        self._along, self._then = (others, of_channels) if pages == "samples" else ("", others + of_channels)
        self._space = "".join(axis for axis in axes if axis in SPACE)
        gather(self._compare, files)
        self._pieces = Pieces.of([int(np.prod(file.sizes(self._along), dtype=int)) for file in files])
        self._inner = (int(np.prod(files[0].sizes(self._then), dtype=int)), *files[0].sizes(self._space))

    def _compare(self, file: TiffFile) -> None:
        first, inner = self._files[0], self._then + self._space
        if file.axes != first.axes:
            raise DataError(
                f"{file.where}: axes {first.axes} wanted as in {first.where.name}, got {file.axes}; give files "
                "of one kind"
            )
        refuse_unlike(file.where, (file.sizes(inner), file.dtype), (first.sizes(inner), first.dtype), first.where.name)

    def _entries(self, indices: Indices) -> NDArray[Any]:
        values = np.empty((len(indices), *self._inner), self._files[0].dtype)
        order = [self._files[0].axes.index(axis) for axis in self._along + self._then + self._space]
        for owner, places, rows in self._pieces.groups(indices):
            file = self._files[owner]
            ordered = file.array().transpose(order)
            for place, row in zip(places, rows.tolist(), strict=True):
                values[place] = ordered[self._entry(file, row)].reshape(self._inner)
        return values

    def _entry_windows(self, index: int, keys: Sequence[Window]) -> Iterator[NDArray[Any]]:
        owner, row = self._pieces.place_of(index)
        file, order = self._files[owner], self._along + self._then + self._space
        ordered = file.array().transpose([file.axes.index(axis) for axis in order])
        for _, *window in keys:
            cut = ordered[(*self._entry(file, row)[:-1], *(slice(None),) * len(self._then), *window)]
            yield np.array(cut, file.dtype).reshape(-1, *cut.shape[len(self._then) :])

    def _entry(self, file: TiffFile, row: int) -> tuple[Any, ...]:
        """Return the key of a sample of a file, whose axes are in the order of samples."""
        return (*map(int, np.unravel_index(row, file.sizes(self._along))), ...) if self._along else (...,)


@contextmanager
def opened(where: Path) -> Generator[Any]:
    """Open a file with tifffile; other files that it names are not."""
    with quiet("tifffile"), import_extra("tifffile", "tiff").TiffFile(where, _multifile=False) as file:
        yield file


def open_tiff(where: Path) -> TiffFile:
    """Read the header of a file, and compare its size with what is stored.

    Raises:
        UnreadableFileError: no TIFF file, or a damaged one.
        DataError: tifffile is missing; compressed pixels.
    """
    if not where.is_file():
        raise DataError(f"{where}: a TIFF file wanted, got {kind_at(where)}; check the path")
    import_extra("tifffile", "tiff")
    with reading(where, "a TIFF file", "replace it"), opened(where) as file:
        series = file.series[0]
        pages = [page for page in series.pages if page is not None]
        if any(int(page.keyframe.compression) != UNPACKED for page in pages):
            raise DataError(
                f"{where}: pixels that are not compressed wanted, got {series.keyframe.compression.name}; unpack "
                "it by tiffcp -c none"
            )
        dtype, shape = np.dtype(series.dtype), tuple(map(int, series.shape))
        known = _metadata(series.keyframe.tags, file.imagej_metadata or {})
        order, native = file.byteorder, dtype.newbyteorder("=")
        found = TiffFile(where, series.axes, shape, native, order, series.dataoffset, known)
        refuse_unstored(where, found)
        num_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if num_bytes > where.stat().st_size or len(set(found.axes)) != len(found.axes):
            raise ValueError(f"{num_bytes:,} bytes of pixels declared along {found.axes}")
        return found


def _metadata(tags: Any, imagej: Mapping[str, object]) -> TiffMetadata | None:
    """Return what the tags of a page and ImageJ say; damaged ones say nothing."""
    found: dict[int, object] = {}
    for code in KEPT:
        with suppress(Exception):  # whatever the library stumbles over in one
            tag = tags.get(code)
            if tag is not None and tag.count <= MOST_VALUES:
                value = tag.value
                found[code] = tuple(map(_plain, value)) if isinstance(value, tuple) else _plain(value)
    return kept_tags(found, imagej)


def _plain(value: Any) -> Any:
    """Return members of the library's enumerations as numbers."""
    return int(value) if isinstance(value, int) else value


def _agreed(files: Sequence[TiffMetadata | None], shape: tuple[int, ...]) -> TiffMetadata | None:
    """Return what all files say alike: everything, or all but the place."""
    if len(set(files)) == 1:
        return files[0]
    without = {of_pieces(one, shape) for one in files}
    return files[0].of_pieces(shape) if len(without) == 1 and files[0] is not None else None
