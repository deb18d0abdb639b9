"""Which rows are compared is a random choice, whatever their number and order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.metrics import Comparison, Evidence, Figure, SlicedWasserstein
from idm.metrics.comparison import Kind, Statistic, in_own_order


@dataclass(frozen=True)
class MeansApart(Comparison):
    """How far the means of both sides are apart."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind("means_apart", ""),)
    drawings: int = 19

    def prepare(self, pool: Tensor) -> Statistic:
        """Return what compares some rows with the others."""
        values, total = pool[:, 0], float(pool.sum())

        def apart(first: Tensor) -> Sequence[float]:
            inside, count = float(values[first].sum()), int(first.sum())
            return [abs(inside / count - (total - inside) / (len(values) - count))]

        return apart


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def coins(*shape: int, seed: int) -> Tensor:
    return (normal(*shape, seed=seed) > 0).float()


def judged(metric: Comparison, rows: Tensor, real: Tensor) -> Figure:
    return metric.judge(rows, real, Evidence())[0]


def share_of_alarms(draw: Callable[..., Tensor], number: int, repeats: int = 200) -> float:
    p_values = [
        null.p_value
        for seed in range(repeats)
        if (null := judged(MeansApart(), draw(number, 1, seed=2 * seed), draw(number, 1, seed=2 * seed + 1)).null)
    ]
    return float(np.mean(np.array(p_values) <= 0.05))


@pytest.mark.parametrize("number", [800, 1_000, 10_000])
def test_real_data_are_worse_than_real_data_in_one_case_of_twenty(number: int) -> None:
    # Of 100 repeats at 5 % none, or 12 and more, come once in 100 times; by rank alone it was 42 % at 1,000.
    repeats = 100 if number > 1_000 else 200
    assert 0.01 <= share_of_alarms(normal, number, repeats) <= 0.11


def test_so_are_those_of_two_values_that_come_many_times_each() -> None:
    assert 0.01 <= share_of_alarms(coins, 1_000) <= 0.11


@pytest.mark.parametrize("number", [800, 1_000, 10_000])
def test_half_of_the_rows_are_no_other_on_average_than_all(number: int) -> None:
    """The mean of half of n standard normal rows is off from that of all by 1 / sqrt(n), either way."""
    off = []
    for seed in range(100):
        rows = normal(number, 1, seed=seed)
        off.append((float(in_own_order(rows, number // 2, "real").mean()) - float(rows.mean())) * number**0.5)
    assert abs(np.mean(off)) < 0.4
    assert np.std(off) == pytest.approx(1.0, abs=0.3)


def test_the_order_that_rows_come_in_and_their_width_change_no_figure() -> None:
    rows, real = normal(300, 3, seed=1), normal(500, 3, seed=2)
    rows[150:], real[250:] = rows[:150].clone(), real[:250].clone()  # copies, too
    turn = torch.randperm(500, generator=torch.Generator().manual_seed(3))
    metric = SlicedWasserstein(drawings=19, directions=2)
    found = judged(metric, rows, real)
    assert judged(metric, rows[turn[turn < 300]], real[turn]) == found
    assert judged(metric, rows.double(), real.double()) == found


def test_features_that_are_rounded_otherwise_move_few_rows() -> None:
    rows = normal(4_000, 3, seed=1).double()
    rounded = rows * (1.0 + 1e-6 * normal(4_000, 3, seed=2))
    first, second = (in_own_order(x, 2_000, "real") for x in (rows, rounded))
    kept = torch.cdist(first, second).amin(1) < 1e-4
    assert int(kept.sum()) > 1_980


def test_a_set_beside_itself_raises_no_alarm() -> None:
    rows = normal(1_000, 1, seed=5)
    null = judged(MeansApart(), rows, rows).null
    assert null is not None
    assert null.p_value > 0.05
