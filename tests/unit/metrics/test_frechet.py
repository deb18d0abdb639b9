"""The Fréchet distance, from closed forms."""

import math

import pytest
import torch

from idm.core.errors import SettingsError
from idm.metrics import PrincipalComponents, frechet_distance


def samples_of(mean: torch.Tensor, covariance: torch.Tensor, number: int = 40) -> torch.Tensor:
    """Samples whose mean and unbiased covariance are exactly these: any samples, whitened and coloured."""
    x = torch.randn(number, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(len(mean)))
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.atleast_2d(torch.cov(x.T))), x.T, upper=False).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def test_in_one_dimension_it_is_that_of_mean_and_deviation() -> None:
    first = samples_of(torch.tensor([0.5]).double(), torch.tensor([[4.0]]).double())
    second = samples_of(torch.tensor([-1.0]).double(), torch.tensor([[0.25]]).double())
    assert frechet_distance(first, second) == pytest.approx(1.5**2 + (2.0 - 0.5) ** 2, rel=1e-10)


def test_of_covariances_that_commute_it_is_the_distance_of_their_roots() -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    values = torch.tensor([[1.0, 4.0, 9.0], [0.25, 1.0, 16.0]], dtype=torch.float64)
    means = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    first, second = (samples_of(mean, (turn * each) @ turn.T) for mean, each in zip(means, values, strict=True))
    assert frechet_distance(first, second) == pytest.approx(5.0 + 0.5**2 + 1.0**2 + 1.0**2, rel=1e-10)


def test_of_covariances_that_do_not_commute_the_root_in_two_dimensions_is_known() -> None:
    # tr (A^(1/2) B A^(1/2))^(1/2) = sqrt(tr AB + 2 sqrt(det AB)): its eigenvalues' squares have that sum and product.
    a, b = torch.tensor([[2.0, 0.6], [0.6, 1.0]]).double(), torch.tensor([[0.5, -0.4], [-0.4, 3.0]]).double()
    root = math.sqrt(float((a @ b).trace()) + 2.0 * math.sqrt(float(torch.det(a @ b))))
    first, second = (samples_of(torch.zeros(2).double(), each) for each in (a, b))
    expected = float(a.trace() + b.trace()) - 2.0 * root
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)


def test_of_the_same_samples_it_is_nothing_even_where_they_lie_in_a_plane() -> None:
    x = samples_of(torch.zeros(2).double(), torch.eye(2).double())
    flat = torch.cat([x, x], dim=1)
    assert frechet_distance(flat, flat) == pytest.approx(0.0, abs=1e-7)


def test_no_more_samples_than_features_are_refused() -> None:
    x = torch.randn(3, 3)
    with pytest.raises(SettingsError, match="samples: more than their 3 features wanted, got 3"):
        frechet_distance(torch.randn(9, 3), x)


def test_principal_components_are_the_axes_of_data_that_vary_along_axes() -> None:
    x = samples_of(torch.tensor([3.0, 1.0, -2.0]).double(), torch.diag(torch.tensor([0.01, 9.0, 1.0]).double()))
    features = PrincipalComponents.of(x, 2)
    torch.testing.assert_close(features.directions.abs(), torch.eye(3).double()[[1, 2]], rtol=0, atol=1e-9)
    torch.testing.assert_close(features(x).std(0), torch.tensor([3.0, 1.0]).double())
    assert len(PrincipalComponents.of(x, 20).directions) == 3
    wide = torch.zeros(40, 500).double()
    wide[:, 7], wide[:, 400] = x[:, 2], x[:, 1]  # more values than samples, most of them constant
    found = PrincipalComponents.of(wide, 5)
    torch.testing.assert_close(found.directions[:2].abs(), torch.eye(500).double()[[400, 7]], rtol=0, atol=1e-9)
    torch.testing.assert_close(found.directions @ found.directions.T, torch.eye(5).double())
    with pytest.raises(SettingsError, match="features: at least 1 of 2 samples"):
        PrincipalComponents.of(x[:1], 2)
