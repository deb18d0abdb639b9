"""Lévy walks against closed forms, enumeration of jumps, and numerical integration."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.diffusion import GaussianDiffusion
from idm.oracles import (
    GaussianIncrements,
    Increments,
    JumpIncrements,
    LaplaceIncrements,
    LevyDenoiser,
    LevyPosterior,
    draw_walks,
)
from idm.oracles.increments import Evidence
from idm.schedules import Level, cosine_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(50))
GAUSSIAN, LAPLACE, JUMPS = GaussianIncrements(0.3), LaplaceIncrements(0.2), JumpIncrements(0.3, 0.5)
SUMS = torch.ones(4, 4, dtype=torch.float64).tril()


def level(kappa: float, alpha: float = 0.8) -> Level:
    return Level(*(torch.tensor(value, dtype=torch.float64) for value in (alpha, alpha * kappa, 0.0)))


def conditioned(covariance: Tensor, matrix: Tensor, values: Tensor, noise: float) -> tuple[Tensor, Tensor, float]:
    """Mean, covariance and log-density of the values: N(0, covariance) seen through matrix and noise."""
    spread = matrix @ covariance @ matrix.T + noise**2 * torch.eye(len(matrix), dtype=torch.float64)
    gain = torch.linalg.solve(spread, matrix @ covariance).T
    density = torch.distributions.MultivariateNormal(torch.zeros_like(values), spread).log_prob(values)
    return gain @ values, covariance - gain @ matrix @ covariance, float(density)


def enumerated(matrix: Tensor, values: Tensor, noise: float) -> tuple[Tensor, Tensor]:
    """Mean and second moments [4, 4] of a walk of four jumps: the sixteen cases, weighted by Bayes' rule."""
    weights, means, seconds = [], [], []
    for case in itertools.product([0.0, 1.0], repeat=4):
        of_steps = torch.diag(torch.tensor(case, dtype=torch.float64) * JUMPS.scale**2)
        mean, covariance, density = conditioned(SUMS @ of_steps @ SUMS.T, matrix, values, noise)
        prior = sum(math.log(JUMPS.probability if jump else 1.0 - JUMPS.probability) for jump in case)
        weights.append(prior + density)
        means.append(mean)
        seconds.append(covariance + torch.outer(mean, mean))
    shares = torch.softmax(torch.tensor(weights, dtype=torch.float64), 0)
    return shares @ torch.stack(means), torch.einsum("k,kij->ij", shares, torch.stack(seconds))


def integrated(values: tuple[float, float], noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and second moments of a Laplace walk of two steps, each place seen through noise; between kinks."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    nodes, weights = np.concatenate([1.5 * nodes - 1.5, 1.5 * nodes + 1.5]), np.tile(weights, 2)
    first, second = np.meshgrid(nodes, nodes, indexing="ij")  # the two increments
    walk = np.stack([first, first + second])
    log_density = -(np.abs(first) + np.abs(second)) / LAPLACE.scale
    for place, value in zip(walk, values, strict=True):
        log_density = log_density - (place - value) ** 2 / (2 * noise**2)
    density = np.outer(weights, weights) * np.exp(log_density - log_density.max())
    density /= density.sum()
    return (walk * density).sum((1, 2)), np.einsum("aij,bij,ij->ab", walk, walk, density)


@pytest.mark.parametrize("kappa", [0.1, 0.7, 5.0])
def test_of_gaussian_increments_the_moments_are_those_of_a_conditioned_gaussian(kappa: float) -> None:
    oracle = LevyDenoiser(DIFFUSION, GAUSSIAN, 4, spacing=0.05)
    y = torch.tensor([0.3, 0.4, -0.1, 0.6], dtype=torch.float64) * (1 + kappa)
    mean, covariance, _ = conditioned(0.09 * SUMS @ SUMS.T, torch.eye(4, dtype=torch.float64), y, kappa)
    found = oracle.x_start_moments(0.8 * y.view(1, 1, 4), level(kappa), {})
    torch.testing.assert_close(found.mean[0, 0], mean, rtol=0, atol=1e-7)
    torch.testing.assert_close(found.variance[0, 0], covariance.diagonal(), rtol=0, atol=1e-7)


@pytest.mark.parametrize("kappa", [0.1, 0.7, 5.0])
def test_of_jumps_they_are_those_of_all_cases(kappa: float) -> None:
    oracle = LevyDenoiser(DIFFUSION, JUMPS, 4, spacing=0.05)
    y = torch.tensor([[0.05, 0.9, 1.0, 0.2], [0.0, -0.1, 0.1, 2.0]], dtype=torch.float64)
    found = oracle.x_start_moments(0.8 * y.view(1, 2, 4), level(kappa), {})
    for channel in range(2):
        mean, second = enumerated(torch.eye(4, dtype=torch.float64), y[channel], kappa)
        torch.testing.assert_close(found.mean[0, channel], mean, rtol=0, atol=1e-7)
        torch.testing.assert_close(found.variance[0, channel], second.diagonal() - mean**2, rtol=0, atol=1e-7)


@pytest.mark.parametrize("kappa", [0.1, 0.7])
def test_of_laplace_increments_they_are_those_of_an_integral(kappa: float) -> None:
    oracle, y = LevyDenoiser(DIFFUSION, LAPLACE, 2, spacing=0.05), (0.5, -0.2)
    found = oracle.x_start_moments(0.8 * torch.tensor([[y]], dtype=torch.float64), level(kappa), {})
    mean, second = integrated(y, kappa)
    np.testing.assert_allclose(found.mean[0, 0], mean, atol=3e-6)
    np.testing.assert_allclose(found.variance[0, 0], second.diagonal() - mean**2, atol=3e-6)


def test_the_slope_of_the_mean_is_its_variance() -> None:
    """d E[x_0 | y] / dy = Cov(x_0 | y) / kappa^2 (Tweedie), by automatic differentiation, each sample at its level."""
    oracle, kappa = LevyDenoiser(DIFFUSION, JUMPS, 4, spacing=0.05), torch.tensor([0.3, 1.2], dtype=torch.float64)
    at = Level(*(value.view(2, 1, 1) for value in (torch.ones_like(kappa), kappa, kappa)))
    y = torch.tensor([[[0.1, 0.8, 0.7, 0.0]]] * 2, dtype=torch.float64, requires_grad=True)
    found = oracle.x_start_moments(y, at, {})
    slopes = torch.stack(
        [torch.autograd.grad(found.mean[:, 0, i].sum(), y, retain_graph=True)[0][:, 0, i] for i in range(4)]
    )
    torch.testing.assert_close(slopes.T * kappa[:, None] ** 2, found.variance[:, 0].detach(), rtol=0, atol=1e-6)


def test_levels_that_the_grid_is_too_coarse_for_and_other_data_are_refused() -> None:
    oracle, x = LevyDenoiser(DIFFUSION, JUMPS, 4, spacing=0.05), torch.zeros(1, 1, 4, dtype=torch.float64)
    with pytest.raises(SettingsError, match="spacing: at most half of kappa"):
        oracle.x_start_moments(x, level(0.09), {})
    with pytest.raises(SettingsError, match="x: walks"):
        oracle.x_start_moments(x[..., 1:], level(1.0), {})
    with pytest.raises(SettingsError, match="conditioning"):
        oracle.x_start_moments(x, level(1.0), {"y": x})
    with pytest.raises(SettingsError, match="noise"):
        LevyPosterior(JUMPS, (1, 4), SUMS, SUMS[0], 0.0)
    with pytest.raises(SettingsError, match="probability"):
        JumpIncrements(1.5)


MATRIX = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]], dtype=torch.float64)
VALUES = torch.tensor([0.7, -0.3], dtype=torch.float64)
CHAINS = 4000


def drawn(law: Increments, sweeps: int, noise: float = 0.3) -> Tensor:
    return LevyPosterior(law, (1, 4), MATRIX, VALUES, noise, sweeps).draw(CHAINS, seed=5)[:, 0]


def assert_moments(draws: Tensor, mean: Tensor, second: Tensor) -> None:
    """Within 4.5 standard errors each."""
    products = torch.einsum("ni,nj->nij", draws, draws)
    for found, wanted in ((draws, mean), (products.flatten(1), second.flatten())):
        z = (found.mean(0) - wanted) / (found.std(0) / len(found) ** 0.5)
        assert float(z.abs().max()) < 4.5


def test_draws_of_gaussian_walks_have_the_moments_of_the_closed_form() -> None:
    mean, covariance, _ = conditioned(0.09 * SUMS @ SUMS.T, MATRIX, VALUES, 0.3)
    assert_moments(drawn(GAUSSIAN, 1), mean, covariance + torch.outer(mean, mean))
    assert_moments(drawn(JumpIncrements(1.0, 0.3), 1), mean, covariance + torch.outer(mean, mean))


def test_draws_of_jumps_have_the_moments_of_all_cases() -> None:
    assert_moments(drawn(JUMPS, 25), *enumerated(MATRIX, VALUES, 0.3))


def test_the_mean_of_jumps_is_that_of_all_cases() -> None:
    mean, _ = enumerated(MATRIX, VALUES, 0.3)
    found = LevyPosterior(JUMPS, (1, 4), MATRIX, VALUES, 0.3, 60).mean
    torch.testing.assert_close(found, mean, rtol=0, atol=0.02)


def test_draws_of_laplace_walks_have_the_moments_of_an_integral() -> None:
    values = torch.tensor([0.5, -0.2], dtype=torch.float64)
    posterior = LevyPosterior(LAPLACE, (1, 2), torch.eye(2, dtype=torch.float64), values, 0.3, 40)
    mean, second = integrated((0.5, -0.2), 0.3)
    assert_moments(posterior.draw(CHAINS, seed=3)[:, 0], torch.from_numpy(mean), torch.from_numpy(second))


@pytest.mark.parametrize("law", [LAPLACE, JUMPS])
def test_draws_given_nothing_are_data(law: Increments) -> None:
    nothing = torch.zeros(1, 4, dtype=torch.float64)
    draws = LevyPosterior(law, (1, 4), nothing, torch.zeros(1), 1.0, 3).draw(CHAINS)[:, 0]
    assert_moments(draws, torch.zeros(4).double(), law.variance * SUMS @ SUMS.T)


def test_latent_variances_of_laplace_increments_are_inverse_to_inverse_gaussians() -> None:
    increments = torch.tensor([0.0, 0.01, 0.2, 1.5], dtype=torch.float64).expand(CHAINS, 4)
    seen = Evidence(SUMS, increments, 1.0)
    variances = LAPLACE.next_variances(increments, increments, seen, Rng.from_seed(0, CHAINS), 1)
    for place, size in enumerate((0.01, 0.2, 1.5), start=1):
        mean, shape = 1.0 / (LAPLACE.scale * size), 1.0 / LAPLACE.scale**2
        known = stats.invgauss(mean / shape, scale=shape)
        assert stats.kstest(1.0 / variances[:, place].numpy(), known.cdf).pvalue > 1e-3
    # Where u is 0, 1 / mean is 0 and v / scale^2 is chi-squared of one degree.
    assert stats.kstest(variances[:, 0].numpy() / LAPLACE.scale**2, stats.chi2(1).cdf).pvalue > 1e-3


@pytest.mark.parametrize("law", [GAUSSIAN, LAPLACE, JUMPS])
def test_walks_of_the_prior_have_its_variance_and_characteristic_function(law: Increments) -> None:
    walks = draw_walks(law, Rng.from_seed(0, CHAINS), (2, 3))
    assert walks.shape == (CHAINS, 2, 3)
    steps = torch.diff(walks, prepend=torch.zeros(CHAINS, 2, 1).double()).flatten()
    assert float(steps.square().mean()) == pytest.approx(law.variance, rel=0.06)
    for frequency in (1.0, 3.0, 8.0):
        found = torch.cos(frequency * steps).mean()
        assert float(found) == pytest.approx(float(law.characteristic(torch.tensor(frequency))), abs=0.02)
