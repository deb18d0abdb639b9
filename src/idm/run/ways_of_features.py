"""How features of samples of any origin are made, shared by several processes, and kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.data import Dataset
from idm.metrics import Labelled, Look, Moments, moments_of
from idm.metrics.features import FeatureCache, FeatureExtractor
from idm.metrics.features.cache import read_rows, write_rows
from idm.run.compared import Reader, read_piece
from idm.run.spec import DataSpec

SAMPLES_PER_PIECE = 512
"""Samples that are read together."""


@final
@dataclass(frozen=True)
class FeatureWay:
    """How features are made.

    Samples are read a piece at a time, so that features of more are made than fit into memory. Several processes make
    those of the next pieces together, and each has all of them.

    Attributes:
        device: where networks compute.
        features: as of ``find_features``, or "classifier:RUN" for those of the classifier of a run; the usual ones
            where None, or those of the statistics that samples are compared with.
        cache: where they are kept.
        moments: whether mean and covariance of all data are wanted, which are all read for that.
        listener: hears how it gets on.
        ranks: the processes.
        read: what reads samples.
    """

    device: torch.device
    features: str | None = None
    cache: FeatureCache = field(default_factory=FeatureCache)
    moments: bool = False
    listener: Listener = SILENT
    ranks: Ranks = field(default_factory=Ranks)
    read: Reader = read_piece

    def seen(self, look: Look, data: Dataset, numbers: NDArray[np.int64]) -> Float[Tensor, "n k"]:
        """Return what is seen of samples of those numbers, in float32."""
        return torch.cat([*self.pieces(look, data, numbers)])

    def rows(
        self, features: FeatureExtractor, data: Dataset, numbers: NDArray[np.int64], spec: DataSpec
    ) -> Float[Tensor, "n d"]:
        """Return the features of samples of those numbers, in float32: those that are kept, or new ones.

        Args:
            features: what makes them.
            data: the data.
            numbers: which of the samples.
            spec: what is known of the data.
        """
        make = partial(self.seen, look_of(features), data, numbers)
        return self._kept(features, data, numbers, spec, make)

    def rows_and_moments(
        self,
        features: FeatureExtractor,
        data: Dataset,
        numbers: NDArray[np.int64],
        every: NDArray[np.int64],
        spec: DataSpec,
    ) -> tuple[Float[Tensor, "n d"], Moments | None]:
        """Return the same, and the moments of the features of more samples, which are read once for both.

        Args:
            features: as above.
            data: as above.
            numbers: as above, growing.
            every: which samples the moments are of, growing; those of ``numbers`` are among them.
            spec: as above.
        """
        found: list[Tensor] = []
        is_row = torch.from_numpy(np.isin(every, numbers))

        def made() -> Iterator[Tensor]:
            flags = is_row.split(SAMPLES_PER_PIECE)
            for flag, piece in zip(flags, self.pieces(look_of(features), data, every), strict=True):
                found.append(piece[flag])
                yield piece

        moments = moments_of(made())
        if moments is None:
            return self.rows(features, data, numbers, spec), None
        return self._kept(features, data, numbers, spec, lambda: torch.cat(found)), moments

    def pieces(self, look: Look, data: Dataset, numbers: NDArray[np.int64]) -> Iterator[Float[Tensor, "n k"]]:
        """Yield what is seen of samples, float32 on the CPU, a piece at a time and in their order, on every process."""
        parts = [numbers[start : start + SAMPLES_PER_PIECE] for start in range(0, len(numbers), SAMPLES_PER_PIECE)]
        size, listener = self.ranks.size, self.listener if self.ranks.is_main else SILENT
        with listener.follow("extracting", len(numbers), unit="samples") as bar:
            for first in range(0, len(parts), size):
                mine = parts[first + self.ranks.rank : first + self.ranks.rank + 1]
                made = [look(self.read(data, part)).float().cpu() for part in mine]
                for piece in self.ranks.gather(made):
                    yield from piece
                bar.advance(sum(len(part) for part in parts[first : first + size]))

    def _kept(
        self,
        features: FeatureExtractor,
        data: Dataset,
        numbers: NDArray[np.int64],
        spec: DataSpec,
        make: Callable[[], Tensor],
    ) -> Tensor:
        """Return features that are kept, or else new ones, which are kept; the main process looks, and writes."""

        def about() -> dict[str, Any]:
            encoded = {"codec": spec.codec.to_dict(), "shape": list(spec.shape)}
            return {"data": spec.fingerprint, "numbers": numbers.tolist()} | encoded

        place = self.cache.place(features, about)
        if place is None:
            return make()
        size = len(numbers), features(data.batch(numbers[:1])[0]).shape[1]
        found = self.ranks.on_main(lambda: read_rows(place, size))
        if found is None:
            found = make()
            self.ranks.on_main(partial(write_rows, place, found))
        return found


def look_of(features: FeatureExtractor) -> Look:
    """Return what sees the features of samples."""

    def look(of: Labelled) -> Tensor:
        return features(of.x)

    return look
