"""Sliced Wasserstein distances that can be told by hand."""

import pytest
import torch

from idm.core.errors import SettingsError
from idm.metrics import sliced_wasserstein


def on_a_line(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_on_a_line_it_is_the_distance_of_quantiles_for_any_numbers_of_points() -> None:
    assert float(sliced_wasserstein(on_a_line(0), on_a_line(-1, 1))) == pytest.approx(1.0)
    # quantiles differ by 1 between 1/2 and 2/3
    assert float(sliced_wasserstein(on_a_line(1, 0), on_a_line(0, 1, 0))) == pytest.approx(1 / 6)
    assert float(sliced_wasserstein(on_a_line(3, 1, 2), on_a_line(1, 2, 3))) == 0.0


def test_a_shift_counts_as_much_as_its_share_of_every_direction() -> None:
    """In three dimensions a coordinate of a uniform direction is uniform in [-1, 1]: half on average."""
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = points + torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    assert float(sliced_wasserstein(points, moved, num_directions=20_000)) == pytest.approx(5 / 2, rel=0.02)


def test_batches_are_compared_one_by_one() -> None:
    first, second = torch.randn(2, 3, 7, 2, dtype=torch.float64).unbind(0)
    found = sliced_wasserstein(first, second[:, :5])
    one_by_one = [sliced_wasserstein(a, b[:5]) for a, b in zip(first, second, strict=True)]
    torch.testing.assert_close(found, torch.stack(one_by_one), rtol=1e-12, atol=0)


def test_no_points_are_refused() -> None:
    with pytest.raises(SettingsError, match="points"):
        sliced_wasserstein(torch.zeros(0, 2), torch.zeros(3, 2))
