"""Encoded images from anywhere, with names and perhaps labels, as a source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idm.data.base import Indices, Samples, Source, number_classes
from idm.data.image_decode import MAX_PIXELS
from idm.data.image_items import Place
from idm.data.images import Images


@dataclass(frozen=True)
class ImageOptions:
    """How images are fitted and which are refused.

    Attributes:
        image_size: side of the square that every image is resized and cropped to; None: all must have one size.
        upscale: allow images that are smaller than image_size.
        max_pixels: largest image that is opened.
    """

    image_size: int | None = None
    upscale: bool = False
    max_pixels: int = MAX_PIXELS


class ImageSource(Source):
    """Images of one kind and size."""

    def __init__(
        self,
        places: Sequence[Place],
        names: Sequence[str],
        labels: NDArray[Any] | None,
        note: str,
        options: ImageOptions,
        class_names: tuple[str, ...] | None = None,
    ) -> None:
        """Judge the headers of all images, at least one.

        Args:
            places: where each image lies.
            names: name of each image.
            labels: one integer or string per image; None where there are none.
            note: where they come from.
            options: how they are fitted.
            class_names: names of all classes, which ``labels`` then number; by default the values of the labels.

        Raises:
            UnreadableFileError: images that cannot be read, by name.
            DataError: images that are not of one kind or size, by name.
        """
        self._images = Images(
            places, names, image_size=options.image_size, upscale=options.upscale, max_pixels=options.max_pixels
        )
        self.names = tuple(names)
        self.shape, self.dtype, self.levels = self._images.shape, self._images.dtype, self._images.levels
        if labels is None:
            self.labels, self.class_names = None, None
        elif class_names is None:
            self.labels, self.class_names = number_classes(labels)
        else:
            self.labels, self.class_names = labels.astype(np.int64), class_names
        self.note = f"{self._images.words}, {note}"

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def read(self, indices: Indices) -> Samples:
        """Return images [n, c, h, w], uint8 or uint16.

        Raises:
            UnreadableFileError: an image that is damaged, or was changed since.
        """
        return self._images.read(indices)


def as_labels(texts: Sequence[str]) -> NDArray[Any]:
    """Return labels that were read from text: integers where all are, so that 10 comes after 9."""
    values = np.array(texts)
    return (
        values.astype(np.int64)
        if all(text.isascii() and text.isdigit() and len(text) < 18 for text in texts)
        else values
    )
