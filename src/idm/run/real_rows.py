"""What metrics see of real data, a piece at a time."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.data import Dataset
from idm.metrics import Comparison, Evidence, Labelled, Metric, by_sight
from idm.metrics.comparison import FEATURES
from idm.metrics.value_histograms import reads_extremes
from idm.run.compared import Compared, thinned
from idm.run.spec import DataSpec
from idm.run.ways_of_features import FeatureWay


def reads_values(metric: Metric) -> bool:
    """Whether a metric is given real data whole, as all are that do not compare what is seen of single samples."""
    return not isinstance(metric, Comparison)


def real_seen(
    members: Mapping[str, Metric], given: Evidence, chosen: Compared, spec: DataSpec, way: FeatureWay, num: int = 0
) -> Evidence:
    """Return the evidence with what comparisons see of real data.

    Args:
        members: metrics by name.
        given: what else is known.
        chosen: which real samples.
        spec: what is known of the data.
        way: how features are made.
        num: of how many of the data the moments of features are wanted, if there are as many; 0: of none.
    """
    data, numbers = chosen.dataset, chosen.numbers
    assert data is not None, "there are real data"
    comparisons = {name: one for name, one in by_sight(members).items() if isinstance(one, Comparison)}
    real: dict[str, Tensor] = {}
    if comparisons.pop(FEATURES, None) is not None:
        if num:
            every = np.union1d(numbers, thinned(chosen.left, num))
            real[FEATURES], moments = way.rows_and_moments(chosen.features, data, numbers, every, spec)
            given = replace(given, moments=moments)
        else:
            real[FEATURES] = way.rows(chosen.features, data, numbers, spec)
    if comparisons and reads_extremes(given.levels):
        given = replace(given, span=span_of(data, numbers, way))
    for name, metric in comparisons.items():
        real[name] = way.seen(metric.look(given), data, numbers)
    return replace(given, real_rows=real)


def span_of(data: Dataset, numbers: NDArray[np.int64], way: FeatureWay) -> tuple[float, float]:
    """Return the smallest and the largest value of the samples of those numbers."""

    def ends(of: Labelled) -> Tensor:
        flat = of.x.flatten(1)
        return torch.stack([flat.amin(1), flat.amax(1)], dim=1)

    found = way.seen(ends, data, numbers)
    return float(found[:, 0].min()), float(found[:, 1].max())
