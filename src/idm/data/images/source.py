"""Encoded images from anywhere, with names and perhaps labels, as a source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.base import Indices, Samples, Source, number_classes
from idm.data.beside import NOTHING_BESIDE, Beside
from idm.data.fingerprint import digest, spread
from idm.data.images.collection import Images
from idm.data.images.decode import MAX_PIXELS
from idm.data.images.items import Place, changed_at, encoded, num_bytes
from idm.data.images.pixels import PixelRule, policy_of
from idm.data.images.resize import ImageSize, frame_of


@dataclass(frozen=True)
class ImageOptions:
    """How images are fitted and which are refused.

    Attributes:
        image_size: what every image is resized and cropped to, the side of a square, or height and width; None: all
            must have one size.
        upscale: allow images that are smaller than image_size.
        max_pixels: largest image that is opened.
        pixels: what becomes of transparency, CMYK, 16-bit colour and files of several kinds.
    """

    image_size: ImageSize | None = None
    upscale: bool = False
    max_pixels: int = MAX_PIXELS
    pixels: PixelRule = "refuse"


@dataclass(frozen=True, eq=False)
class ImageList:
    """Images that were found, not yet looked at.

    Attributes:
        places: where each image lies, at least one.
        names: name of each image.
        labels: one integer or string per image; None where there are none.
        note: where they come from.
        class_names: names of all classes, which ``labels`` then number; None: the values of the labels.
        skipped: files beside them that are not read.
        remarks: what is worth knowing of how they were found, a line each.
        beside: columns that hold something else of each image.
    """

    places: Sequence[Place]
    names: Sequence[str]
    labels: NDArray[Any] | None
    note: str
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    beside: Beside = NOTHING_BESIDE

    def classes(self) -> tuple[Indices | None, tuple[str, ...] | None]:
        """Return the class of each image and the name of each class; None both without labels."""
        if self.labels is None:
            return None, None
        if self.class_names is None:
            return number_classes(self.labels)
        return self.labels.astype(np.int64), self.class_names


class ImageSource(Source):
    """Images of one kind and size."""

    def __init__(self, images: ImageList, options: ImageOptions) -> None:
        """Judge the headers of all images.

        Args:
            images: the images.
            options: how they are fitted.

        Raises:
            UnreadableFileError: images that cannot be read, by name.
            DataError: images that are not of one kind or size, by name; an image_size out of range.
        """
        self._places, self.names = images.places, tuple(images.names)
        self._images = Images(
            images.places,
            images.names,
            frame=frame_of(options.image_size),
            policy=policy_of(options.pixels),
            upscale=options.upscale,
            max_pixels=options.max_pixels,
        )
        self.shape, self.dtype, self.levels = self._images.shape, self._images.dtype, self._images.levels
        self.labels, self.class_names = images.classes()
        self.note, self.remarks = f"{self._images.words}, {images.note}", images.remarks
        self.beside = images.beside

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def read(self, indices: Indices) -> Samples:
        """Return images [n, c, h, w], uint8 or uint16.

        Raises:
            UnreadableFileError: an image that is damaged, or was changed since.
        """
        return self._images.read(indices)

    def aspects_of(self, indices: Indices) -> dict[str, str]:
        """Return a hash each of the sizes of all files and of the bytes of some, as they are before decoding."""
        places = [self._places[index] for index in indices.tolist()]
        sizes = [num_bytes(place) for place in places]
        contents = (encoded(places[index]) for index in spread(len(sizes), sum(sizes)).tolist())
        return {"sizes": digest([np.array(sizes, "<i8").tobytes()]), "contents": digest(contents)}

    def earliest(self, count: int) -> Indices:
        """Number the images whose files came or were changed before the others."""
        times = np.array([changed_at(place) for place in self._places])
        return np.sort(np.argsort(times, kind="stable")[:count])
