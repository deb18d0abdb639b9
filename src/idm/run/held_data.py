"""Samples of a data set that are held whole, and what is read of it again from there."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from idm.data import Dataset
from idm.metrics import Labelled, Needs
from idm.run.compared import Compared, Reader, numbers_evenly, part_of, read_piece, within_bytes
from idm.run.data import Data


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
        return part_of(self.samples, np.searchsorted(self.numbers, numbers))


@final
@dataclass(frozen=True, eq=False)
class HeldData:
    """What is held whole of the data of a run, each read once.

    Attributes:
        read: what reads samples, those that are held from there.
        scored: data to score.
        trained_on: training data.
        compared: those that samples are compared with.
    """

    read: Reader
    scored: Labelled | None = None
    trained_on: Labelled | None = None
    compared: Labelled | None = None

    @classmethod
    def of(cls, data: Data, chosen: Compared, needs: Needs, read: Reader) -> "HeldData":
        """Read what is needed.

        Args:
            data: the data.
            chosen: which are compared; where none are, real data are those to score.
            needs: what is to be held.
            read: what reads samples.
        """
        scored = trained_on = compared = None
        is_scored = bool(needs & Needs.HELD_OUT) or (bool(needs & Needs.REAL) and chosen.dataset is None)
        if is_scored and len(data.held_out):
            scored = Held.of(data.held_out, read)
            read = scored.read
        if needs & Needs.TRAINING and len(data.train):
            trained_on = Held.of(data.train, read)
            read = trained_on.read
        # Metrics that read values see what comparisons see, of which fitted features know nothing.
        if needs & Needs.REAL and chosen.dataset is not None:
            compared = Held.some(chosen.dataset, within_bytes(chosen.dataset, chosen.numbers), read)
            read = compared.read
        return cls(read, *(None if one is None else one.samples for one in (scored, trained_on, compared)))
