"""TIFF files of several pages: a page is a sample, or a slice of a volume, or a channel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from idm.core.errors import DataError, UnreadableFileError
from idm.core.places import kind_at
from idm.core.text import one_line
from idm.data.arrays.axes import ChannelRule
from idm.data.arrays.source import ArraySource
from idm.data.base import Indices
from idm.data.extras import quiet
from idm.data.images.check import gather
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.files import LabelRule, find_files, read_labels
from idm.data.parts import choose_part

DTYPES = {
    ((8,), 1): np.dtype(np.uint8),
    ((8, 8, 8), 1): np.dtype(np.uint8),
    ((16,), 1): np.dtype(np.uint16),
    ((16,), 2): np.dtype(np.int16),
    ((32,), 2): np.dtype(np.int32),
    ((32,), 3): np.dtype(np.float32),
}
"""dtype of each kind of pixel that comes through whole: bits per channel, and TIFF's SampleFormat."""

BITS, SAMPLE_FORMAT = 258, 339
TIFF_SUFFIXES = (".tif", ".tiff")

READER = "PIL.TiffImagePlugin"
"""What would speak of damaged files itself."""

PageRule = Literal["samples", "depth", "channels"]

RULES: dict[PageRule, ChannelRule] = {"samples": "none", "depth": "none", "channels": "first"}
"""Where the channels are of what a page is."""


@dataclass(frozen=True)
class Stack:
    """What one file holds.

    Attributes:
        num_pages: how many pages.
        shape: shape of a page, (h, w) or (h, w, 3).
        dtype: dtype of its pixels.
    """

    num_pages: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class TiffStack(ArraySource):
    """TIFF files of one or more pages of 8-, 16- or 32-bit integers, 32-bit floats, or 8-bit RGB."""

    def __init__(
        self,
        path: str | Path,
        *,
        pages: PageRule = "samples",
        labels: LabelRule = "none",
        split: str | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Judge all pages and look at all values.

        Args:
            path: a TIFF file, or a folder of them.
            pages: what a page is: a sample, a slice of the volume that the file holds, or a channel of the image
                that the file holds.
            labels: where the classes of files come from, as for folders of images.
            split: which part is read, train, val or test, where folders or files are named so; by default all together.
            max_pixels: largest page that is opened.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no files; pages that are not of one kind and size; files of different length.
        """
        where = Path(path).absolute()
        chosen = choose_part(where, _files(where), split if where.is_dir() else None, every=False)
        self._files = [where / file if file else where for file in chosen.files]
        stacks = gather(lambda file: _look(file, max_pixels), self._files)
        gather(lambda row: self._compare(row, stacks, by_page=pages == "samples"), range(len(stacks)))
        first = stacks[0]
        counts = [stack.num_pages if pages == "samples" else 1 for stack in stacks]
        self._file_of = np.repeat(np.arange(len(stacks)), counts)
        self._page_of = np.concatenate([np.arange(count) for count in counts])
        self._by_page = pages == "samples"
        inner = first.shape if self._by_page else (first.num_pages, *first.shape)
        of_files, class_names, _ = read_labels(list(chosen.below), labels) if where.is_dir() else (None, None, "")
        rule = "last" if len(first.shape) == 3 else RULES[pages]
        self._adopt(where, (len(self._file_of), *inner), first.dtype, None, channels=rule)
        if of_files is not None:
            self.labels, self.class_names = of_files[self._file_of], class_names
        self.names, self.remarks = self._names(chosen.files if where.is_dir() else (where.name,)), chosen.remarks

    def _names(self, files: tuple[str, ...]) -> tuple[str, ...]:
        """Name the samples."""
        places = zip(self._file_of, self._page_of, strict=True)
        return tuple(f"{files[file]}#{page}" if self._by_page else files[file] for file, page in places)

    def _compare(self, row: int, stacks: list[Stack], *, by_page: bool) -> None:
        stack, first = stacks[row], stacks[0]
        if (stack.shape, stack.dtype) != (first.shape, first.dtype):
            raise DataError(
                f"{self._files[row]}: pages of shape {first.shape}, {first.dtype}, wanted as in {self._files[0].name}, "
                f"got {stack.shape}, {stack.dtype}; convert all files to one kind"
            )
        if not by_page and stack.num_pages != first.num_pages:
            raise DataError(
                f"{self._files[row]}: {first.num_pages} pages wanted as in {self._files[0].name}, "
                f"got {stack.num_pages}; bring all files to one length"
            )

    def _rows(self, indices: Indices) -> NDArray[Any]:
        rows = np.empty((len(indices), *self._stored[1:]), dtype=self.dtype)
        for file in np.unique(self._file_of[indices]):
            places = np.flatnonzero(self._file_of[indices] == file)
            wanted = [self._page_of[indices[place]] for place in places] if self._by_page else None
            rows[places] = _read(self._files[file], wanted, self.dtype)
        return rows


def _files(where: Path) -> list[str]:
    """List the files of a folder; "" for a path that is none.

    Raises:
        DataError: a folder without any.
    """
    if not where.is_dir():
        return [""]
    files = [file for file in find_files(where)[0] if file.lower().endswith(TIFF_SUFFIXES)]
    if not files:
        raise DataError(f"{where}: TIFF files wanted, got a folder without any; check the path")
    return files


def holds_measurements(path: Path) -> bool:
    """Whether a TIFF file holds floats or signed integers, which are no pictures."""
    try:
        return _look(path, MAX_PIXELS).dtype.kind in "if"
    except DataError:
        return False


def _look(path: Path, max_pixels: int) -> Stack:
    if not path.is_file():
        raise DataError(f"{path}: a TIFF file wanted, got {kind_at(path)}; check the path")
    try:
        with quiet(READER), Image.open(path, formats=("TIFF",)) as image:
            kinds = {_kind(path, image, page, max_pixels) for page in range(getattr(image, "n_frames", 1))}
            num_pages = getattr(image, "n_frames", 1)
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over in a damaged file
        raise UnreadableFileError(f"{path}: cannot be read as TIFF ({one_line(error)}); replace it") from error
    if len(kinds) > 1:
        raise DataError(f"{path}: pages of one size and kind wanted, got {len(kinds)} kinds; split the file")
    return Stack(num_pages, *kinds.pop())


def _kind(path: Path, image: Any, page: int, max_pixels: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    image.seek(page)
    bits, sample_format = image.tag_v2.get(BITS, (1,)), image.tag_v2.get(SAMPLE_FORMAT, (1,))[0]
    if image.width * image.height > max_pixels:
        raise DataError(
            f"{path}: at most {max_pixels:,} pixels wanted, got {image.width} x {image.height}; shrink it, or raise "
            "data.source.max_pixels"
        )
    if (bits, sample_format) not in DTYPES or image.mode in ("P", "CMYK", "LAB", "YCbCr"):
        raise DataError(
            f"{path}: 8- or 16-bit integers, signed 32-bit integers, 32-bit floats or 8-bit RGB wanted, got mode "
            f"{image.mode} of {', '.join(map(str, bits))} bits; save the data as .npy"
        )
    channels = (3,) if len(bits) == 3 else ()
    return (image.height, image.width, *channels), DTYPES[bits, sample_format]


def _read(path: Path, pages: list[Any] | None, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decode some pages, or all, as [pages, h, w] or [pages, h, w, 3]."""
    try:
        with quiet(READER), Image.open(path, formats=("TIFF",)) as image:
            chosen = range(getattr(image, "n_frames", 1)) if pages is None else map(int, pages)
            return np.stack([_page(image, page, dtype) for page in chosen])
    except Exception as error:  # as above
        raise UnreadableFileError(f"{path}: cannot be read as TIFF ({one_line(error)}); replace it") from error


def _page(image: Any, page: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    image.seek(page)
    return np.asarray(image).astype(dtype)
