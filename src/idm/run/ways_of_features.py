"""How features of samples of any origin are made, and kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.data import Dataset
from idm.metrics import Moments, moments_of
from idm.metrics.features import USUAL_FEATURES, FeatureCache, FeatureExtractor, find_features
from idm.run.classifier_features import CLASSIFIER, ClassifierFeatures
from idm.run.opening import load
from idm.run.spec import DataSpec

SAMPLES_PER_PIECE = 512
"""Samples that are read together."""


@final
@dataclass(frozen=True)
class FeatureWay:
    """How features are made.

    Attributes:
        device: where networks compute.
        features: as of ``find_features``, or "classifier:RUN" for those of the classifier of a run; the usual ones
            where None, or those of the statistics that samples are compared with.
        cache: where they are kept.
        moments: whether mean and covariance of all data are wanted, which are all read for that.
        listener: hears how it gets on.
    """

    device: torch.device
    features: str | None = None
    cache: FeatureCache = field(default_factory=FeatureCache)
    moments: bool = False
    listener: Listener = SILENT

    def find(self, data: Tensor) -> FeatureExtractor:
        """Make the extractor for real samples; errors are those of ``find_features``, and of ``load`` for a run's."""
        name = self.features or USUAL_FEATURES
        member, _, run_folder = name.partition(":")
        if member != CLASSIFIER:
            return find_features(name, data, device=self.device)
        if not run_folder:
            raise SettingsError(
                f"features={CLASSIFIER}: the run whose classifier is meant wanted, got none; give "
                f"features={CLASSIFIER}:RUN"
            )
        return ClassifierFeatures.of(load(Path(run_folder), device=str(self.device)))

    def rows(
        self, features: FeatureExtractor, data: Dataset, numbers: NDArray[np.int64], spec: DataSpec
    ) -> Float[Tensor, "n d"]:
        """Return the features of samples of those numbers, in float32: those that are kept, or new ones.

        Samples are read a piece at a time, so that features of more are made than fit into memory.

        Args:
            features: what makes them.
            data: the data.
            numbers: which of the samples.
            spec: what is known of the data.
        """
        return self._kept(features, data, numbers, spec, lambda: torch.cat([*self._pieces(features, data, numbers)]))

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
            for flag, piece in zip(flags, self._pieces(features, data, every), strict=True):
                found.append(piece[flag.to(piece.device)].float())
                yield piece

        moments = moments_of(made())
        if moments is None:
            return self.rows(features, data, numbers, spec), None
        return self._kept(features, data, numbers, spec, lambda: torch.cat(found)), moments

    def _pieces(self, features: FeatureExtractor, data: Dataset, numbers: NDArray[np.int64]) -> Iterator[Tensor]:
        with self.listener.follow("extracting", len(numbers), unit="samples") as bar:
            for start in range(0, len(numbers), SAMPLES_PER_PIECE):
                piece = numbers[start : start + SAMPLES_PER_PIECE]
                yield features(data.batch(piece)[0])
                bar.advance(len(piece))

    def _kept(
        self,
        features: FeatureExtractor,
        data: Dataset,
        numbers: NDArray[np.int64],
        spec: DataSpec,
        make: Callable[[], Tensor],
    ) -> Tensor:
        """Return features that are kept, or else new ones, which are kept."""

        def about() -> dict[str, Any]:
            encoded = {"codec": spec.codec.to_dict(), "shape": list(spec.shape)}
            return {"data": spec.fingerprint, "numbers": numbers.tolist()} | encoded

        size = len(numbers), features(data.batch(numbers[:1])[0]).shape[1]
        return self.cache.rows(features, about, size, make)
