"""Samples of a data set that are held whole, and what is read of it again from there."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from idm.data import Dataset
from idm.metrics import Labelled
from idm.run.compared import Reader, numbers_evenly, read_piece, within_bytes


@final
@dataclass(frozen=True, eq=False)
class Held:
    """Samples of a data set that are held, evenly from all.

    Attributes:
        dataset: the data set.
        numbers: of them in it, growing.
        samples: the samples.
        otherwise: what reads others.
    """

    dataset: Dataset
    numbers: NDArray[np.int64]
    samples: Labelled
    otherwise: Reader = read_piece

    @classmethod
    def of(cls, dataset: Dataset, read: Reader = read_piece) -> "Held":
        """Read as many as metrics take, and are held at once."""
        return cls.some(dataset, within_bytes(dataset, numbers_evenly(dataset)), read)

    @classmethod
    def some(cls, dataset: Dataset, numbers: NDArray[np.int64], read: Reader = read_piece) -> "Held":
        """Read those of some numbers, growing."""
        return cls(dataset, numbers, read(dataset, numbers), read)

    def read(self, dataset: Dataset, numbers: NDArray[np.int64]) -> Labelled:
        """Return the samples of those numbers: of those that are held, or else read."""
        if dataset is not self.dataset or not np.isin(numbers, self.numbers).all():
            return self.otherwise(dataset, numbers)
        if np.array_equal(numbers, self.numbers):
            return self.samples
        rows, held = np.searchsorted(self.numbers, numbers), self.samples
        return Labelled(held.x[rows], None if held.y is None else held.y[rows])
