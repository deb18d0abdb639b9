"""Features of data that were made before, and their moments, as files of a folder hold them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.ranks import Ranks
from idm.metrics import Moments
from idm.metrics.features import FeatureCache, FeatureExtractor
from idm.metrics.features.cache import read_moments, read_rows, write_moments, write_rows
from idm.run.spec import DataSpec


@final
@dataclass(frozen=True, eq=False)
class KeptFeatures:
    """What a folder holds of the features of one set of data; the main process alone reads and writes it.

    Attributes:
        cache: the folder.
        ranks: the processes.
        features: what makes them.
        spec: what is known of the data.
        width: how many features a sample has.
    """

    cache: FeatureCache
    ranks: Ranks
    features: FeatureExtractor
    spec: DataSpec
    width: int

    def rows(self, numbers: NDArray[np.int64]) -> Float[Tensor, "n d"] | None:
        """Return features of the samples of those numbers; None where they are not kept."""
        place, size = self._place("rows", numbers), (len(numbers), self.width)
        return None if place is None else self.ranks.on_main(lambda: read_rows(place, size))

    def keep_rows(self, numbers: NDArray[np.int64], rows: Float[Tensor, "n d"]) -> None:
        """Keep features, where any are kept."""
        place = self._place("rows", numbers)
        if place is not None:
            self.ranks.on_main(lambda: write_rows(place, rows))

    def moments(self, numbers: NDArray[np.int64]) -> Moments | None:
        """Return the moments of the features of the samples of those numbers; None where they are not kept."""
        place = self._place("moments", numbers)
        found = None if place is None else self.ranks.on_main(lambda: read_moments(place, self.width))
        return None if found is None else Moments(*found, len(numbers))

    def keep_moments(self, numbers: NDArray[np.int64], moments: Moments) -> None:
        """Keep moments, where features are kept."""
        place = self._place("moments", numbers)
        if place is not None:
            self.ranks.on_main(lambda: write_moments(place, moments.mean, moments.covariance))

    def _place(self, what: str, numbers: NDArray[np.int64]) -> Path | None:
        def about() -> dict[str, Any]:
            encoded = {"codec": self.spec.codec.to_dict(), "shape": list(self.spec.shape)}
            return {"kept": what, "data": self.spec.fingerprint, "numbers": numbers.tolist()} | encoded

        return self.cache.place(self.features, about)
