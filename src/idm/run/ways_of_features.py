"""How features of samples of any origin are made, shared by several processes, and kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import NumericalError
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.data import Dataset
from idm.metrics import Labelled, Look
from idm.metrics.features import FeatureCache, FeatureExtractor
from idm.run.compared import Reader, part_of, read_piece

SAMPLES_PER_PIECE = 512
"""Samples that are read together."""


@final
@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be seen of which samples.

    Attributes:
        look: what sees it.
        numbers: of the samples, growing.
        maker: what makes it, in words, for refusals: " from pca".
        own: name of the metric of somebody's own that looks; nothing of another.
    """

    look: Look
    numbers: NDArray[np.int64]
    maker: str = ""
    own: str = ""


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

    def scan(
        self, data: Dataset, wanted: Mapping[str, Wanted]
    ) -> Iterator[dict[str, tuple[NDArray[np.int64], Tensor]]]:
        """Read every sample that any look is at once, a piece at a time and in their order, and show it to all of them.

        Args:
            data: the data.
            wanted: what is seen, and of which samples, by name.

        Yields:
            Of every look at samples of the piece: their numbers, and what is seen of them, float32 on the CPU; the same
            on every process.

        Raises:
            NumericalError: what is seen is not finite.
        """
        every = np.unique(np.concatenate([one.numbers for one in wanted.values()]))
        parts = [every[start : start + SAMPLES_PER_PIECE] for start in range(0, len(every), SAMPLES_PER_PIECE)]
        size, listener = self.ranks.size, self.listener if self.ranks.is_main else SILENT
        with listener.follow("extracting", len(every), unit="samples") as bar:
            for first in range(0, len(parts), size):
                mine = parts[first + self.ranks.rank : first + self.ranks.rank + 1]
                made = self.ranks.each(lambda mine=mine: [self._seen_of(data, part, wanted) for part in mine])
                for pieces in self.ranks.gather(made):
                    yield from pieces
                bar.advance(sum(len(part) for part in parts[first : first + size]))

    def seen(self, data: Dataset, wanted: Mapping[str, Wanted]) -> dict[str, Float[Tensor, "n k"]]:
        """Return what is seen by name, float32 on the CPU, of all samples that were wanted of it."""
        found: dict[str, list[Tensor]] = {name: [] for name in wanted}
        for piece in self.scan(data, wanted) if wanted else ():
            for name, (_, rows) in piece.items():
                found[name].append(rows)
        return {name: torch.cat(rows) for name, rows in found.items()}

    def _seen_of(
        self, data: Dataset, numbers: NDArray[np.int64], wanted: Mapping[str, Wanted]
    ) -> dict[str, tuple[NDArray[np.int64], Tensor]]:
        """Read samples of those numbers, and show each look those that it is at."""
        read, found = self.read(data, numbers), dict[str, tuple[NDArray[np.int64], Tensor]]()
        for name, one in wanted.items():
            its = np.isin(numbers, one.numbers)
            if not its.any():
                continue
            given = read if its.all() else part_of(read, its)
            rows = one.look(given).float().cpu()
            require_finite_rows(name, rows, data.sources_of(numbers[its])[0], one.maker, one.own)
            found[name] = numbers[its], rows
        return found


def require_finite_rows(name: str, rows: Tensor, numbers: Sequence[int], maker: str = "", own: str = "") -> None:
    """Refuse what is seen of samples where it is not finite.

    Args:
        name: what is seen.
        rows: of each sample.
        numbers: of the samples.
        maker: what made it, in words: " from pca".
        own: name of the metric of somebody's own that saw it; nothing of another.

    Raises:
        NumericalError: it is not, with the number of the first such sample.
    """
    bad = rows.isfinite().flatten(1).all(1).logical_not().nonzero().flatten().tolist()
    if bad:
        which = f"of sample {numbers[bad[0]]} and of {len(bad) - 1:,} others of {len(rows):,}"
        if own:
            raise NumericalError(
                f"metrics: finite numbers of every sample wanted of the look of {own}, got NaN or infinity {which}; "
                "mend it, or leave the metric out"
            )
        raise NumericalError(
            f"{name}: finite numbers of every sample wanted, got NaN or infinity{maker} {which}; choose other {name}, "
            "or leave out the metrics that look at them"
        )


def look_of(features: FeatureExtractor) -> Look:
    """Return what sees the features of samples."""

    def look(of: Labelled) -> Tensor:
        return features(of.x)

    return look
