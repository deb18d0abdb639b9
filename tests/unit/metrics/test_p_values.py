"""P-values of comparisons: where samples are of the distribution of the data, all exchanges of both are alike.

So a p-value is a or less with a probability of a at most, whatever is compared, and however often values repeat.
"""

from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.metrics import (
    Better,
    Comparison,
    DensityCoverage,
    Diversity,
    Evidence,
    Labelled,
    Modes,
    PrecisionRecall,
    SlicedWasserstein,
)
from idm.metrics.p_values import p_value_of

METRICS = (
    DensityCoverage(k=2),
    PrecisionRecall(k=2),
    Diversity(),
    Modes(rows_per_bin=3, clusterings=2),
    SlicedWasserstein(directions=2),
)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: type(metric).__name__)
@pytest.mark.parametrize("repeats", [False, True], ids=["all apart", "values repeat"])
def test_over_all_exchanges_no_p_value_is_small_more_often_than_it_says(metric: Comparison, repeats: bool) -> None:
    pool = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    statistic = metric.prepare(pool.round() if repeats else pool)
    sides = [torch.isin(torch.arange(8), torch.tensor(rows)) for rows in combinations(range(8), 4)]
    every = np.array([statistic(side) for side in sides])  # [70, kinds]
    for kind, values in zip(metric.kinds, every.T, strict=True):
        every_other = [np.delete(values, i) for i in range(len(values))]
        found = np.array([p_value_of(kind.better, *one, len(values)) for one in zip(values, every_other, strict=True)])
        for level in np.unique(found):
            assert (found <= level).mean() <= level + 1e-12


@pytest.mark.parametrize("better", Better)
@pytest.mark.parametrize("numbers", [(0, 1, 2, 3, 4, 5), (0, 0, 1, 1, 1, 2), (0, 0, 0, 0, 0, 1)], ids=str)
@pytest.mark.parametrize("enough", [1, 2, 3])
def test_over_all_orders_no_p_value_is_small_more_often_than_it_says(
    better: Better, numbers: tuple[int, ...], enough: int
) -> None:
    """The first of six is the value, the others are drawn in turn until enough are as bad: 720 orders, all alike."""
    orders = np.array(list(permutations(numbers)), dtype=float)
    found = np.array([p_value_of(better, order[0], order[1:], enough) for order in orders])
    for level in np.unique(found):
        assert (found <= level).mean() <= level + 1e-12


def test_exchanges_end_where_enough_are_as_bad_and_go_on_where_they_are_not() -> None:
    metric = SlicedWasserstein(drawings=500, directions=4)
    x = torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    values, tried = metric.exchange(x[:30], x[30:])
    _, every = metric.exchange(x[:30], 9.0 + x[30:])
    assert (len(tried) % 50, len(every)) == (0, 500)
    assert len(tried) < 500
    as_bad = np.flatnonzero(tried[:, 0] >= values[0])
    assert p_value_of(Better.LOWER, values[0], tried[:, 0]) == 20 / (as_bad[19] + 1)
    assert p_value_of(Better.LOWER, 1e9, every[:, 0]) == 1 / 501


@pytest.mark.parametrize(
    "metric", [DensityCoverage(drawings=19), PrecisionRecall(drawings=19), Modes(drawings=19, clusterings=1)], ids=str
)
def test_real_data_whose_values_repeat_raise_no_more_alarms_than_they_may(metric: Comparison) -> None:
    """Of 300 that are 0.1 or less with a probability of 0.1 at most, more than 46 are once in 1,000 times."""
    alarms = np.zeros(len(metric.kinds))
    for seed in range(300):
        x = torch.poisson(torch.full((60, 1), 1.5), generator=torch.Generator().manual_seed(seed)).double()
        values, exchanged = metric.exchange(x[:30], x[30:])
        for i, kind in enumerate(metric.kinds):
            alarms[i] += p_value_of(kind.better, values[i], exchanged[:, i]) <= 0.1
    assert alarms.max() <= 46


@pytest.mark.parametrize("metric", [SlicedWasserstein(drawings=39, directions=4), Diversity(drawings=39)], ids=str)
def test_p_values_of_real_data_are_uniform_where_no_values_are_alike(metric: Comparison) -> None:
    p_values: list[float] = []
    for seed in range(120):
        x = torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + seed))
        (value,), exchanged = metric.exchange(x[:30], x[30:])
        p_values.append(p_value_of(metric.kinds[0].better, value, exchanged[:, 0]))
    # Uniform on 1/40, ..., 1: the mean of 120 has a deviation of 0.026; more than 14 are below 5 % once in 1,000 times.
    assert abs(np.mean(p_values) - 0.51) < 4 * 0.026
    assert sum(p <= 0.05 for p in p_values) <= 14


def normal(number: int, seed: int) -> Tensor:
    return torch.randn(number, 2, generator=torch.Generator().manual_seed(seed))


def test_the_interval_is_that_of_real_data_alone() -> None:
    metric, real = SlicedWasserstein(drawings=39, directions=4), normal(60, 1)
    near, far = (metric.measure(Evidence(Labelled(x), trained_on=Labelled(real)))[0].null for x in (real, 100.0 + real))
    assert near is not None
    assert far is not None
    assert (far.mean, far.lower, far.upper, far.num) == (near.mean, near.lower, near.upper, 39)
    assert far.p_value == 1 / 40


def test_one_number_that_is_far_off_hides_no_other() -> None:
    drawn = np.random.default_rng(0).normal(size=399)
    drawn[0] = -1e10
    assert p_value_of(Better.LOWER, 3.5, drawn) == 1 / 400


def test_numbers_that_differ_by_rounding_alone_are_as_bad() -> None:
    for better in Better:
        assert p_value_of(better, 0.1 + 0.2, np.full(19, 0.3)) == 1.0
        assert p_value_of(better, 0.3, np.full(19, 0.1 + 0.2)) == 1.0
    assert p_value_of(Better.LOWER, 2.0, np.array([1.0, 2.0, 3.0])) == pytest.approx(3 / 4)
