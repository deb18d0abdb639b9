"""A folder of image files, all of one kind and size."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from idm.core.errors import DataError
from idm.data.base import CACHE_BYTES, LEVELS, Indices, Samples, Source
from idm.data.image_check import check_headers, gather
from idm.data.image_decode import MAX_PIXELS, decode
from idm.data.image_files import LabelRule, find_files, read_labels

MANY_FILES = 2_000
MANY_BYTES = 500_000_000
"""A folder with more files than the one and more bytes than the other is not decoded before it is used."""


class ImageFolder(Source):
    """PNG, JPEG, WebP, BMP and TIFF files below a folder, in the order of their paths.

    Pixels keep the depth of the files (8-bit grey or RGB, 16-bit grey), which is decided by the first file. The
    headers of all files are judged at once. A folder of ordinary size is decoded at once as well and kept in memory, so
    that a damaged file is found before training starts; a large one is decoded as it is read, by threads.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        image_size: int | None = None,
        labels: LabelRule = "auto",
        upscale: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Find and check the files.

        Args:
            path: the folder; its sub-folders are included, hidden files are not.
            image_size: side of the square that every image is resized and cropped to; by default all images
                must have one size, which is kept.
            labels: where classes come from: sub-folders, file names up to the first "_", nowhere, or whichever fits.
            upscale: allow images that are smaller than image_size.
            max_pixels: largest image that is opened.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: no images; files that are not of one kind or size, by name; no labels where they are asked for.
        """
        if image_size is not None and image_size < 1:
            raise DataError(f"image_size: at least 1 wanted, got {image_size}")
        self.root, self._size = Path(path), image_size
        self._files, others = find_files(self.root)
        if not self._files:
            found = f"{len(others)} other files such as {others[0]}" if others else "an empty folder"
            raise DataError(f"{self.root}: PNG, JPEG, WebP, BMP or TIFF images wanted, got {found}")
        self.labels, self.class_names, note = read_labels(self._files, labels)
        first = check_headers(self.root, self._files, image_size, upscale=upscale, max_pixels=max_pixels)
        self._kind = first.kind
        space = (first.height, first.width) if image_size is None else (image_size, image_size)
        self.shape, self.dtype = (first.kind.channels, *space), first.kind.dtype
        self.levels = LEVELS[self.dtype]
        fitted = "" if image_size is None else f", resized and cropped to {image_size} x {image_size}"
        skipped = f", {len(others)} files of other kinds skipped" if others else ""
        self.note = f"{first.kind.name}{fitted}, {note}{skipped}"
        self._pixels = self._decode(np.arange(len(self))) if self._is_small() else None

    def __len__(self) -> int:
        """Return the number of image files."""
        return len(self._files)

    def read(self, indices: Indices) -> Samples:
        """Return images [n, c, h, w], uint8 or uint16.

        Raises:
            UnreadableFileError: a file that is damaged, or was changed since.
        """
        return self._decode(indices) if self._pixels is None else self._pixels[indices]

    def _is_small(self) -> bool:
        if len(self) * self.sample_bytes > CACHE_BYTES:
            return False
        return len(self) <= MANY_FILES or sum((self.root / file).stat().st_size for file in self._files) <= MANY_BYTES

    def _decode(self, indices: Indices) -> Samples:
        """Decode files, several at a time: Pillow's decoders let other threads run."""
        images = np.empty((len(indices), *self.shape), dtype=self.dtype)
        if len(indices) == 1:
            self._fill(images, 0, indices[0])
            return images
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            gather(lambda place: self._fill(images, place, indices[place]), range(len(indices)), pool.map)
        return images

    def _fill(self, images: Samples, place: int, index: np.int64) -> None:
        path = self.root / self._files[index]
        pixels = decode(path, self._kind, self._size)
        if pixels.shape != self.shape:
            raise DataError(
                f"{path}: an image of shape {self.shape} wanted, got {pixels.shape}; it is not what its header said"
            )
        images[place] = pixels
