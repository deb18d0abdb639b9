"""The hand-written digits that scikit-learn ships: 1,797 grey images of 8 x 8, values 0 to 16, ten classes."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError
from idm.data.base import Indices, Samples, Source

SIDE_PIXELS = 8


class Digits(Source):
    """scikit-learn's digits (Alpaydin & Kaynak 1998), 17 grey levels. Read from the package, no download."""

    def __init__(self, size: int = SIDE_PIXELS) -> None:
        """Load the digits.

        Args:
            size: side of the images: 8, or a multiple of it, which repeats the pixels.

        Raises:
            DataError: another size, or scikit-learn is not installed.
        """
        if size < SIDE_PIXELS or size % SIDE_PIXELS:
            raise DataError(
                f"size: a multiple of {SIDE_PIXELS} wanted for the digits, got {size}; "
                f"set data.source.size={SIDE_PIXELS}"
            )
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise DataError(
                "digits: they come with scikit-learn, which is missing; pip install scikit-learn"
            ) from error
        bundle = cast(Any, load_digits())
        images: NDArray[np.float64] = bundle.images
        factor = size // SIDE_PIXELS
        pixels = images.astype(np.uint8).reshape(-1, 1, SIDE_PIXELS, SIDE_PIXELS)
        self._images = pixels.repeat(factor, axis=2).repeat(factor, axis=3)
        self.labels = np.asarray(bundle.target, dtype=np.int64)
        self.class_names = tuple("0123456789")
        self.levels = 17
        self.shape, self.dtype = (1, size, size), self._images.dtype
        self.note = "scikit-learn's digits, grey levels 0 to 16"

    def __len__(self) -> int:
        """Return 1797."""
        return len(self._images)

    def read(self, indices: Indices) -> Samples:
        """Return uint8 images [n, 1, size, size] with values 0 to 16."""
        return self._images[indices]
