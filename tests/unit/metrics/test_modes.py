"""Shares of clusters, beside the hypergeometric distribution."""

import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor

from idm.metrics import Evidence, Labelled, Modes, worse_than_chance
from idm.metrics.features import Values


def groups(*sizes: int) -> Tensor:
    """Points near 0, 10, 20, ..., so many of each."""
    noise = 0.1 * torch.randn(sum(sizes), 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return noise + 10.0 * torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))[:, None]


@pytest.mark.parametrize("samples", [(10, 4, 6), (0, 11, 9), (20, 0, 0)])
def test_the_figure_is_the_largest_deviation_from_the_hypergeometric_distribution(samples: tuple[int, ...]) -> None:
    others = (10, 16, 10)
    pool = torch.cat([groups(*samples), groups(*others)])
    sizes = [a + b for a, b in zip(samples, others, strict=True)]
    laws = [hypergeom(56, size, 20) for size in sizes]  # of 56 rows 20 are samples
    expected = max(abs(count - law.mean()) / law.std() for count, law in zip(samples, laws, strict=True))
    first = torch.arange(56) < 20
    turn = torch.randperm(56, generator=torch.Generator().manual_seed(1))
    for order in (torch.arange(56), turn):
        found = Modes(rows_per_bin=18).prepare(pool[order])(first[order])
        assert found == [pytest.approx(expected, rel=1e-12)]


def test_sides_that_are_the_same_deviate_nowhere() -> None:
    x = groups(20, 20, 20)
    assert Modes().compare(x, x) == [0.0]


def test_rows_of_one_value_are_one_cluster() -> None:
    assert Modes().compare(torch.ones(30, 2), torch.ones(30, 2)) == [0.0]


@pytest.mark.parametrize("missing", range(3))
def test_a_group_that_is_missing_is_farther_off_than_chance_explains(missing: int) -> None:
    real, share = groups(70, 70, 70), torch.tensor([30, 30, 30])
    share[missing] = 0
    found = Modes(drawings=99).measure(
        Evidence(Labelled(groups(*share.tolist())), trained_on=Labelled(real), features=Values())
    )
    assert worse_than_chance(found) == found
