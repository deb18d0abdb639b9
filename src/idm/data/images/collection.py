"""Encoded images of one kind and size, read as samples: what every source made of image files stands on."""

import os
from collections.abc import Sequence

import numpy as np

from idm.core.errors import DataError
from idm.data.base import CACHE_BYTES, LEVELS, Indices, Samples
from idm.data.images.check import check_headers, gather
from idm.data.images.decode import decode
from idm.data.images.items import Place, num_bytes
from idm.data.images.pixels import PixelPolicy
from idm.data.images.resize import Frame

MANY_FILES = 2_000
MANY_BYTES = 500_000_000
"""Most images, and most bytes of more of them, that are decoded before they are used."""


class Images:
    """Images whose kind of pixels is decided by the first of them, in memory where they fit.

    The headers of all are judged at once. A set of ordinary size is decoded at once as well and kept in memory, so
    that a damaged file is found before training starts; a large one is decoded as it is read, by threads.

    Attributes:
        shape: channels, height and width of all images.
        dtype: uint8 or uint16.
        levels: 256 or 65,536.
        words: kind of pixels, and how they are fitted.
    """

    def __init__(
        self,
        places: Sequence[Place],
        names: Sequence[str],
        *,
        frame: Frame | None,
        policy: PixelPolicy,
        upscale: bool,
        max_pixels: int,
    ) -> None:
        """Judge the headers of all images, at least one, and decode them if they fit into memory.

        Args:
            places: where each image lies.
            names: short name of each image, for comparisons.
            frame: what every image is resized and cropped to; None: all have one size.
            policy: what becomes of pixels that are neither grey nor RGB.
            upscale: allow images that are smaller.
            max_pixels: largest image that is opened.

        Raises:
            UnreadableFileError: images that cannot be read, by name.
            DataError: images that are not of one kind or size, by name.
        """
        self._places, self._frame, self._policy = places, frame, policy
        first = check_headers(places, names, frame, policy, upscale=upscale, max_pixels=max_pixels)
        self._kind = first.kind
        space = (first.height, first.width) if frame is None else (frame.height, frame.width)
        self.shape, self.dtype = (first.kind.channels, *space), first.kind.dtype
        self.levels = LEVELS[self.dtype]
        fitted = "" if frame is None else f", resized and cropped to {frame}"
        self.words = f"{first.kind.name}{fitted}"
        self._pixels = self._decode(np.arange(len(self))) if self._is_small() else None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._places)

    def read(self, indices: Indices) -> Samples:
        """Return images [n, c, h, w], uint8 or uint16.

        Raises:
            UnreadableFileError: an image that is damaged, or was changed since.
        """
        return self._decode(indices) if self._pixels is None else self._pixels[indices]

    def _is_small(self) -> bool:
        if len(self) * int(np.prod(self.shape)) * self.dtype.itemsize > CACHE_BYTES:
            return False
        return len(self) <= MANY_FILES or sum(map(num_bytes, self._places)) <= MANY_BYTES

    def _decode(self, indices: Indices) -> Samples:
        """Decode images, several at a time: Pillow's decoders let other threads run."""
        images = np.empty((len(indices), *self.shape), dtype=self.dtype)
        if len(indices) == 1:
            self._fill(images, 0, indices[0])
            return images
        from multiprocessing.pool import ThreadPool  # slow to import, and not needed without images to read

        with ThreadPool(min(16, os.cpu_count() or 1)) as pool:
            gather(lambda place: self._fill(images, place, indices[place]), range(len(indices)), pool.map)
        return images

    def _fill(self, images: Samples, row: int, index: np.int64) -> None:
        place = self._places[int(index)]
        pixels = decode(place, self._kind, self._frame, self._policy)
        if pixels.shape != self.shape:
            raise DataError(
                f"{place}: an image of shape {self.shape} wanted, got {pixels.shape}; it is not what its header said"
            )
        images[row] = pixels
