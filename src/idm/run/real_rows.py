"""What metrics see of real data: each of these is read once, a piece at a time, for all that look at it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.data import Dataset
from idm.metrics import Comparison, Evidence, Labelled, Look, Metric, Moments, Needs, by_sight
from idm.metrics.by_sample import BySample
from idm.metrics.comparison import FEATURES
from idm.metrics.features import FeatureExtractor
from idm.metrics.measuring import make_rows
from idm.metrics.moments import MOST_FEATURES, MomentSums
from idm.metrics.value_histograms import reads_extremes
from idm.run.compared import Compared, most_rows, part_of, thinned
from idm.run.kept_features import KeptFeatures
from idm.run.spec import DataSpec
from idm.run.ways_of_features import FeatureWay, Wanted, look_of, require_finite_rows

ENDS = "smallest and largest value"
"""What the ends of the values of a sample are called."""


@final
@dataclass(frozen=True, eq=False)
class Side:
    """Samples or real data, of which something is to be seen.

    Attributes:
        data: the data.
        spec: what is known of them.
        features: what is compared of them.
        numbers: whose features are kept; none: no features are made.
        every: whose features are summed, those of ``numbers`` among them; None: no moments are wanted.
    """

    data: Dataset
    spec: DataSpec
    features: FeatureExtractor
    numbers: NDArray[np.int64]
    every: NDArray[np.int64] | None = None

    def see(self, way: FeatureWay, looks: Mapping[str, Wanted]) -> tuple[dict[str, Tensor], Moments | None]:
        """Read the data once, and return what is seen of them by name, the features among it, and their moments."""
        if not len(self.numbers):
            return way.seen(self.data, looks), None
        width = way.ranks.each(lambda: self.features(way.read(self.data, self.numbers[:1]).x).shape[1])
        every = None if width > MOST_FEATURES else self.every
        kept = KeptFeatures(way.cache, way.ranks, self.features, self.spec, width)
        known, moments = kept.rows(self.numbers), None if every is None else kept.moments(every)
        if known is not None and (every is None or moments is not None):
            return {**way.seen(self.data, looks), FEATURES: known}, moments
        rows, moments = self._scanned(way, looks, every)
        kept.keep_rows(self.numbers, rows[FEATURES])
        if every is not None and moments is not None:
            kept.keep_moments(every, moments)
        return rows, moments

    def _scanned(
        self, way: FeatureWay, looks: Mapping[str, Wanted], every: NDArray[np.int64] | None
    ) -> tuple[dict[str, Tensor], Moments | None]:
        """Look at features, too; the rows of some are kept, and those of ``every`` summed."""
        seen_of, maker = self.numbers if every is None else every, f" from {self.features.name}"
        wanted = {**looks, FEATURES: Wanted(look_of(self.features), seen_of, maker)}
        found: dict[str, list[Tensor]] = {name: [] for name in wanted}
        sums: MomentSums | None = None
        for piece in way.scan(self.data, wanted):
            for name, (numbers, rows) in piece.items():
                kept = rows
                if name == FEATURES:
                    kept = rows[torch.from_numpy(np.isin(numbers, self.numbers))]
                    sums = None if every is None else _added(sums, rows)
                found[name].append(kept)
        return {name: torch.cat(rows) for name, rows in found.items()}, None if sums is None else sums.moments


def _added(sums: MomentSums | None, rows: Tensor) -> MomentSums:
    if sums is None:
        return MomentSums(rows)
    sums.add(rows)
    return sums


def reads_values(metric: Metric) -> bool:
    """Whether a metric is given real data whole, as all are that do not compare what is seen of single samples."""
    return not isinstance(metric, Comparison)


def held_for(members: Mapping[str, Metric], *, is_main: bool) -> Needs:
    """Return which data a process holds whole: those that looks read, and on the main one, which measures, all."""
    reading = [one for one in members.values() if reads_values(one)]
    needs = [one.needs if is_main else _read_by_look(one) for one in reading]
    return reduce(or_, needs, Needs.NOTHING)


def _read_by_look(metric: Metric) -> Needs:
    return metric.needs & metric.look_needs if isinstance(metric, BySample) else Needs.NOTHING


def real_seen(
    members: Mapping[str, Metric],
    given: Evidence,
    chosen: Compared,
    spec: DataSpec,
    way: FeatureWay,
    num: int = 0,
    *,
    with_features: bool = False,
) -> Evidence:
    """Return the evidence with what comparisons see of real data.

    They are read once, and once more where a look wants to know the smallest and the largest value beforehand.

    Args:
        members: metrics by name.
        given: what else is known.
        chosen: which real samples.
        spec: what is known of the data.
        way: how features are made.
        num: of how many of the data the moments of features are wanted, if there are as many; 0: of none.
        with_features: make these, whether a metric compares them or not.
    """
    data, numbers = chosen.dataset, chosen.numbers
    assert data is not None, "there are real data"
    sights = {name: one for name, one in by_sight(members).items() if isinstance(one, Comparison)}
    is_featured = sights.pop(FEATURES, None) is not None or with_features
    later = {name: one for name, one in sights.items() if one.look_reads_extremes and reads_extremes(given.levels)}
    first = {name: one for name, one in sights.items() if name not in later}
    example = partial(way.read, data, numbers[:1])
    looks = way.ranks.each(lambda: looks_at(numbers, first, given, example))
    if later:
        looks[ENDS] = Wanted(_ends, numbers)
    every = np.union1d(numbers, thinned(chosen.left, num)) if num else None
    side = Side(data, spec, chosen.features, numbers if is_featured else numbers[:0], every)
    rows, moments = side.see(way, looks)
    given = replace(given, moments=moments) if num else given
    if later:
        given = replace(given, span=_span(rows.pop(ENDS)))
        rows |= way.seen(data, way.ranks.each(lambda: looks_at(numbers, later, given, example)))
    return replace(given, real_rows={**given.real_rows, **rows})


def seen_beside(members: Mapping[str, Metric], looks: Mapping[str, Look], given: Evidence) -> Evidence:
    """Show looks that were made the real data that are held beside, where it was not seen what is seen of them.

    Args:
        members: metrics by name.
        looks: by what the rows are called.
        given: what is known of real data, whole where such a metric looks at them.
    """
    others = {name: one for name, one in by_sight(members).items() if name not in given.real_rows and name in looks}
    rows = {name: make_rows(looks[name], _limited(looks[name], one, given)) for name, one in others.items()}
    for name, one in others.items():
        require_finite_rows(name, rows[name], range(len(rows[name])), own=own_name(one))
    return replace(given, real_rows={**given.real_rows, **rows})


def _limited(look: Look, metric: BySample, given: Evidence) -> Labelled:
    """Return the real data that a metric looks at, evenly as many as rows are kept of."""
    of = metric.real_of(given)
    numbers = np.arange(len(of.x))
    kept = thinned(numbers, min(metric.most_seen, most_rows(look(part_of(of, numbers[:1])).shape[1])))
    return of if len(kept) == len(numbers) else part_of(of, kept)


def looks_at(
    numbers: NDArray[np.int64], sights: Mapping[str, BySample], given: Evidence, example: Callable[[], Labelled]
) -> dict[str, Wanted]:
    """Return the looks of metrics at samples of those numbers, or at as many of them as rows are kept of.

    Args:
        numbers: of the samples.
        sights: metrics by what the rows are called.
        given: what is known of real data.
        example: reads one of the samples, on which it is tried how many numbers a look sees.
    """
    if not sights:
        return {}
    looks, one_of_them = {name: one.make_look(given) for name, one in sights.items()}, example()
    most = {name: min(one.most_seen, most_rows(looks[name](one_of_them).shape[1])) for name, one in sights.items()}
    return {
        name: Wanted(look, thinned(numbers, most[name]), own=own_name(sights[name])) for name, look in looks.items()
    }


def own_name(metric: BySample) -> str:
    """Return what a metric of somebody's own is called; nothing of one of this package."""
    return metric.called if metric.is_own else ""


def _ends(of: Labelled) -> Tensor:
    flat = of.x.flatten(1)
    return torch.stack([flat.amin(1), flat.amax(1)], dim=1)


def _span(ends: Tensor) -> tuple[float, float]:
    return float(ends[:, 0].min()), float(ends[:, 1].max())
