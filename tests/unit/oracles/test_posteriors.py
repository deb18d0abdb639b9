"""Exact posteriors, held against densities on a grid and against conditioning written out."""

import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion
from idm.oracles import GaussianDenoiser, MixtureDenoiser, gaussian_posterior, mixture_posterior
from idm.schedules import cosine_schedule

PROCESS = GaussianDiffusion(cosine_schedule(4))
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
MEANS = torch.tensor([[-1.2, -0.6], [1.2, 0.9], [0.3, -1.5]], dtype=torch.float64)
VARIANCES = torch.tensor([0.09, 0.16, 0.04], dtype=torch.float64)
ORACLE = MixtureDenoiser(PROCESS, WEIGHTS, MEANS, VARIANCES)


def on_a_grid(matrix: Tensor, values: Tensor, noise: float) -> tuple[Tensor, Tensor]:
    """Mean and covariance of prior times likelihood, summed over a fine grid of the plane."""
    axis = torch.linspace(-3.5, 3.5, 1401, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    squares = (x[:, None] - MEANS).square().sum(2)
    density = (WEIGHTS / VARIANCES * torch.exp(-0.5 * squares / VARIANCES)).sum(1)
    density = density * torch.exp(-0.5 * (values - x @ matrix.T).square().sum(1) / noise**2)
    density = density / density.sum()
    mean = density @ x
    return mean, (density[:, None] * (x - mean)).T @ (x - mean)


@pytest.mark.parametrize(
    ("matrix", "values", "noise"),
    [([[1.0, 0.0]], [0.0], 0.05), ([[1.0, 0.0]], [0.8], 0.3), ([[0.4, -1.1], [0.3, 0.2]], [0.2, 0.5], 0.4)],
)
def test_a_posterior_of_a_mixture_is_prior_times_likelihood(
    matrix: list[list[float]], values: list[float], noise: float
) -> None:
    a, o = torch.tensor(matrix, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    posterior = mixture_posterior(ORACLE, a, o, noise)
    mean, covariance = on_a_grid(a, o, noise)
    torch.testing.assert_close(posterior.mean, mean, rtol=0, atol=1e-8)
    torch.testing.assert_close(posterior.covariance, covariance, rtol=0, atol=1e-8)


def test_a_posterior_of_gaussian_data_is_the_regression_of_each_value() -> None:
    """o_i = x_i + s n of one value: mean + v / (v + s^2) (o - mean), v s^2 / (v + s^2); the others stay."""
    mean, variance = torch.tensor([0.1, -0.4, 0.3]), torch.tensor([0.5, 0.2, 0.9])
    oracle = GaussianDenoiser(PROCESS, mean, variance)
    posterior = gaussian_posterior(oracle, (3,), torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([0.7]), 0.3)
    expected, left = mean.double().clone(), variance.double().clone()
    expected[1] += left[1] / (left[1] + 0.09) * (torch.tensor(0.7).double() - expected[1])
    left[1] = left[1] * 0.09 / (left[1] + 0.09)
    torch.testing.assert_close(posterior.mean, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(posterior.covariance, torch.diag(left), rtol=0, atol=1e-12)


def test_what_is_observed_without_noise_is_certain() -> None:
    posterior = mixture_posterior(ORACLE, torch.tensor([[1.0, 0.0]]), torch.tensor([0.25]), 0.0)
    drawn = posterior.draw(50, seed=3)
    torch.testing.assert_close(drawn[:, 0], torch.full((50,), 0.25, dtype=torch.float64), rtol=0, atol=1e-12)
    assert float(drawn[:, 1].std()) > 0.1


def test_draws_have_the_moments_and_depend_on_their_own_seeds() -> None:
    posterior = mixture_posterior(ORACLE, torch.tensor([[0.5, 0.5]]), torch.tensor([0.1]), 0.2)
    drawn = posterior.draw(20_000, seed=5)
    deviation = torch.diagonal(posterior.covariance).sqrt()
    assert bool(((drawn.mean(0) - posterior.mean).abs() < 4 * deviation / 20_000**0.5).all())
    assert float((drawn.T.cov() - posterior.covariance).abs().max()) < 0.03
    torch.testing.assert_close(posterior.draw(3, seed=7), drawn[2:5], rtol=0, atol=0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"matrix: \(1, 2\) wanted for 1 values"):
        mixture_posterior(ORACLE, torch.ones(1, 3), torch.ones(1), 0.1)
    with pytest.raises(SettingsError, match="noise: above 0 wanted"):
        mixture_posterior(ORACLE, torch.ones(2, 2), torch.ones(2), 0.0)
