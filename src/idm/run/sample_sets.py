"""Samples of any origin beside real data, without a model: which metrics there are, and what they find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import DataError, SettingsError
from idm.data import Dataset
from idm.metrics import (
    Evidence,
    Figure,
    Frechet,
    Labelled,
    Metric,
    Needs,
    Setup,
    by_sight,
    find_metric,
    measure_seen,
    reads_features,
)
from idm.metrics.by_sample import BySample
from idm.metrics.comparison import FEATURES
from idm.run.compared import most_rows, numbers_evenly, thinned, within_bytes
from idm.run.data import Data
from idm.run.held_data import Held
from idm.run.known_data import KnownData
from idm.run.real_rows import Side, looks_at, seen_beside
from idm.run.ways_of_features import FeatureWay

USUAL_OF_SETS = ("frechet", "kid", "precision_recall", "density_coverage", "diversity", "modes", "two_sample")
"""Metrics where none are named: those of features, which statistics have, too."""

OF_RUNS = Needs.BOUND | Needs.CONTINUOUS | Needs.FLOW | Needs.LEVELS | Needs.TRAINING
"""What only a run has."""


@final
@dataclass(frozen=True, eq=False)
class SampleSets:
    """Samples and real data, and what is measured of them.

    Attributes:
        known: the real data.
        samples: the samples, read like them.
        numbers: which of the samples are looked at.
        members: metrics by name.
        way: how features are made.
    """

    known: KnownData
    samples: Data
    numbers: NDArray[np.int64]
    members: Mapping[str, Metric]
    way: FeatureWay

    @property
    def _dataset(self) -> Dataset:
        return self.samples.held_out

    def evidence(self) -> Evidence:
        """Look at the samples beside what is known of real data: once, a piece at a time; every process takes part.

        The main process, which measures, holds them whole for metrics of one's own.
        """
        known, given, way = self.known, self.known.evidence, self.way
        sights = {name: one for name, one in by_sight(self.members).items() if name != FEATURES}
        drawn = None
        if way.ranks.is_main and not all(isinstance(one, BySample) for one in self.members.values()):
            held = Held.some(self._dataset, within_bytes(self._dataset, self.numbers), way.read)
            drawn, way = Labelled(held.samples.x), replace(way, read=held.read)
        example = partial(way.read, self._dataset, self.numbers[:1])
        looks = way.ranks.each(lambda: looks_at(self.numbers, sights, given, example))
        side = Side(self._dataset, self.samples.spec, known.features, self.numbers, self._summed)
        rows, moments = side.see(way, looks)
        if way.ranks.is_main:
            given = seen_beside(self.members, {name: one.look for name, one in looks.items()}, given)
        return replace(given, drawn=drawn, drawn_rows=rows, drawn_moments=moments)

    def figures(self, evidence: Evidence) -> dict[str, list[Figure]]:
        """Measure all on what was seen, and return their figures by metric."""
        return measure_seen(self.members, evidence, self.way.listener)

    @property
    def _summed(self) -> NDArray[np.int64] | None:
        """Of which samples moments are wanted: of all, where those of real data are known and compared."""
        compares = any(isinstance(one, Frechet) for one in self.members.values())
        is_known = self.known.evidence.moments is not None
        return np.arange(self._dataset.num_read) if compares and is_known else None

    @property
    def about(self) -> dict[str, Any]:
        """What was compared, JSON-able."""
        reference, codec = self.known.reference, self.samples.spec.codec
        return {
            "num": len(self.numbers),
            "num_given": len(self._dataset),
            "num_real": num_real(self.known),
            "shape": list(reference.shape),
            "levels": codec.levels,
            "grid": codec.grid,
            "features": vars(reference.identity) | {"num": reference.num_features},
            "fingerprints": {"samples": self.samples.spec.fingerprint, "against": reference.data},
        }


def find_metrics_of_sets(names: Sequence[str] | None) -> dict[str, Metric]:
    """Find metrics that need no model.

    Args:
        names: of metrics, ``module:callable`` of one's own among them, which is imported and run; the usual ones by
            default.

    Raises:
        SettingsError: no such metric, or one of a model.
        DataError: no such code.
    """
    members = {name: find_metric(name) for name in (USUAL_OF_SETS if names is None else names)}
    if not members:
        raise SettingsError("metrics: at least one wanted, such as frechet, got none")
    for name, metric in members.items():
        if not metric.needs & Needs.SAMPLES or metric.needs & OF_RUNS:
            raise SettingsError(
                f"metrics={name}: a metric of samples beside real data wanted, such as frechet, got one of a run; name "
                "the run, or leave it out"
            )
    return members


def sets_of(known: KnownData, samples: Data, members: Mapping[str, Metric], way: FeatureWay) -> SampleSets:
    """Put both sides together, and refuse what cannot be measured before features are made.

    Raises:
        SettingsError: what a metric refuses, or what statistics do not have.
        DataError: features of samples of another number than those of the data.
    """
    _refuse_statistics(known, members)
    dataset = samples.held_out
    numbers = numbers_evenly(dataset)
    size = known.features(dataset.batch(numbers[:1])[0]).shape[1]
    if size != known.reference.num_features:
        raise DataError(
            f"features: {known.reference.num_features} numbers of each sample wanted, as of the real data, got {size}; "
            "make the statistics anew with save_reference=FILE"
        )
    beside = num_real(known)
    limit = ", of no more of which so many features are kept" if beside == most_rows(size) else ""
    numbers = thinned(numbers, most_rows(size))
    setup = Setup(known.reference.shape, len(numbers), beside, size, are_given=True, limit=limit)
    for metric in members.values():
        metric.check(setup)
    return SampleSets(known, samples, numbers, members, way)


def num_real(known: KnownData) -> int:
    """Return how many real samples there are features of."""
    rows, moments = known.reference.rows, known.reference.moments
    return len(rows) if rows is not None else 0 if moments is None else moments.num


def _refuse_statistics(known: KnownData, members: Mapping[str, Metric]) -> None:
    for name, metric in members.items():
        if known.data is None and not reads_features(metric):
            raise SettingsError(
                f"metrics={name}: the real data themselves wanted, got statistics of their features; give against=PATH "
                "of data, or leave it out"
            )
        if known.reference.rows is None and not isinstance(metric, Frechet):
            raise SettingsError(
                f"metrics={name}: statistics with features of single samples wanted, got mean and covariance alone; "
                "take metrics=frechet"
            )
