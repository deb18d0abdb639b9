"""Samples that lie in several files, one after the other: which file each is in, and where there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from idm.data.base import Indices
from idm.data.names import MadeNames


@dataclass(frozen=True, eq=False)
class Pieces:
    """Numbers of samples in pieces.

    Attributes:
        counts: samples of each piece, int64.
    """

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Sequence[int]) -> "Pieces":
        """Return pieces of the given numbers of samples."""
        return cls(np.array(counts, np.int64))

    @property
    def total(self) -> int:
        """Samples of all pieces."""
        return int(self.counts.sum())

    @property
    def owners(self) -> Indices:
        """The piece of each sample."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def groups(self, indices: Indices) -> Iterator[tuple[int, Indices, Indices]]:
        """Go through the pieces that samples are in: number, places among ``indices``, and numbers in the piece."""
        owners, rows = self.places(indices)
        for owner in np.unique(owners).tolist():
            places = np.flatnonzero(owners == owner)
            yield owner, places, rows[places]

    def places(self, indices: Indices) -> tuple[Indices, Indices]:
        """Return the piece of each sample, and its number there."""
        ends = np.cumsum(self.counts)
        owners = np.searchsorted(ends, indices, side="right")
        return owners, indices - (ends - self.counts)[owners]

    def place_of(self, index: int) -> tuple[int, int]:
        """Return the piece that a sample is in, and its number there."""
        ((owner, _, (row,)),) = self.groups(np.array([index]))
        return owner, int(row)

    def names(self, files: Sequence[str]) -> MadeNames:
        """Name each sample by its file and its number there: a.fits#3."""
        return MadeNames(self.total, partial(self._named, files))

    def _named(self, files: Sequence[str], indices: Indices) -> list[str]:
        owners, rows = self.places(indices)
        return [f"{files[owner]}#{row}" for owner, row in zip(owners.tolist(), rows.tolist(), strict=True)]
