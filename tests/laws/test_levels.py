"""The least loss on a training set is that of its own empirical distribution, and no denoiser's is below it."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.rng import Rng
from idm.diffusion import GaussianDiffusion
from idm.likelihood import Estimate, evaluate_bound, level_errors, x_start_errors
from idm.oracles import EmpiricalDenoiser, MixtureDenoiser
from idm.schedules import cosine_schedule

DIFFUSION = GaussianDiffusion(cosine_schedule(40).with_noise_floor(0.05))
PLACES = [0, 9, 20, 33]
GENERATOR = np.random.default_rng(0)
IMAGES = torch.as_tensor(GENERATOR.uniform(-1.0, 1.0, (64, 1, 4, 4)))


def noisy(x: Tensor, place: int, seed: int) -> tuple[np.ndarray, float, float]:
    """Noisy samples as they are looked at, flat, and their level."""
    noise = Rng.from_seed(seed, len(x)).normal("levels", place, x.shape[1:], torch.float64)
    abar = float(DIFFUSION.schedule.alphas_cumprod[place])
    alpha, sigma = math.sqrt(abar), math.sqrt(1.0 - abar)
    return (alpha * x + sigma * noise).flatten(1).numpy(), alpha, sigma


def summed(x_t: np.ndarray, alpha: float, sigma: float, data: np.ndarray) -> np.ndarray:
    """E[x_0 | x_t] of data that are each as likely as the next: a sum over all of them, for one sample at a time."""
    means = []
    for x in x_t:
        logs = np.array([-math.fsum((x - alpha * one) ** 2) / (2.0 * sigma**2) for one in data])
        weights = np.exp(logs - logs.max())
        means.append(sum(w * one for w, one in zip(weights, data, strict=True)) / weights.sum())
    return np.array(means)


@pytest.mark.parametrize("classes", [None, 4])
def test_the_optimum_on_64_images_is_the_direct_sum(classes: int | None) -> None:
    labels = None if classes is None else torch.arange(64) % classes
    oracle = EmpiricalDenoiser(DIFFUSION, IMAGES, labels)
    given = {} if labels is None else {"y": labels}
    found = x_start_errors(DIFFUSION, oracle.denoiser(given), IMAGES, PLACES, seed=5, batch_size=17)
    flat, label = IMAGES.flatten(1).numpy(), np.zeros(64) if labels is None else labels.numpy()
    for column, place in enumerate(PLACES):
        x_t, alpha, sigma = noisy(IMAGES, place, 5)
        for i in range(64):
            mean = summed(x_t[i : i + 1], alpha, sigma, flat[label == label[i]])[0]
            assert float(found[i, column]) == pytest.approx(float(((flat[i] - mean) ** 2).mean()), abs=1e-10)


def test_that_on_a_mixture_is_bayes_rule_component_by_component() -> None:
    means = torch.tensor([[0.5, -0.2], [-0.6, 0.1], [0.0, 0.8]], dtype=torch.float64)
    variances, weights = (torch.tensor(row, dtype=torch.float64) for row in ([0.04, 0.01, 0.09], [0.2, 0.5, 0.3]))
    oracle = MixtureDenoiser(DIFFUSION, weights, means, variances)
    x = torch.as_tensor(GENERATOR.normal(0.0, 0.5, (30, 2)))
    found = x_start_errors(DIFFUSION, oracle.denoiser(), x, PLACES, seed=2)
    for column, place in enumerate(PLACES):
        x_t, alpha, sigma = noisy(x, place, 2)
        for i, one in enumerate(x_t):
            total, mean = 0.0, np.zeros(2)
            for w, mu, v in zip(weights.tolist(), means.numpy(), variances.tolist(), strict=True):
                spread = alpha**2 * v + sigma**2
                density = w * math.exp(-((one - alpha * mu) ** 2).sum() / (2.0 * spread)) / spread  # of two dimensions
                total += density
                mean += density * (mu + alpha * v / spread * (one - alpha * mu))
            assert float(found[i, column]) == pytest.approx(((x[i].numpy() - mean / total) ** 2).mean(), abs=1e-10)


def test_of_two_points_its_mean_is_the_quadrature_of_the_posterior_variance() -> None:
    """x_0 = ±a: E[x_0 | x_t] = a tanh(a alpha x_t / sigma^2), whose error is a^2 (1 - E tanh^2) on average."""
    a, number = 0.6, 20_000
    points = torch.tensor([[a], [-a]], dtype=torch.float64)
    x = points.repeat(number // 2, 1)
    found = x_start_errors(DIFFUSION, EmpiricalDenoiser(DIFFUSION, points).denoiser(), x, PLACES, batch_size=number)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    for column, place in enumerate(PLACES[1:], start=1):
        abar = float(DIFFUSION.schedule.alphas_cumprod[place])
        x_t = math.sqrt(abar) * a + math.sqrt(1.0 - abar) * nodes
        exact = a**2 * (1.0 - (np.tanh(a * math.sqrt(abar) * x_t / (1.0 - abar)) ** 2 @ weights) / weights.sum())
        mean = Estimate.of(found[:, column])
        assert abs(mean.mean - exact) < 4.0 * mean.standard_error + 1e-9


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_another_denoiser_is_above_the_optimum_by_its_distance_from_it(shift: float) -> None:
    """The error of x_0 is orthogonal to whatever is made of x_t, so that excess and squared distance have one mean."""
    data = IMAGES[:5]
    best = EmpiricalDenoiser(DIFFUSION, data).denoiser()
    moved = EmpiricalDenoiser(DIFFUSION, data + shift).denoiser()
    x = data.repeat(800, 1, 1, 1)
    errors, least = (x_start_errors(DIFFUSION, one, x, PLACES) for one in (moved, best))
    for column, place in enumerate(PLACES):
        x_t, alpha, sigma = noisy(x, place, 0)
        flat = data.flatten(1).numpy()
        logs = -((x_t[:, None] - alpha * np.stack([flat, flat + shift])[:, None]) ** 2).sum(-1) / (2.0 * sigma**2)
        shares = np.exp(logs - logs.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        apart = ((shares[1] @ (flat + shift) - shares[0] @ flat) ** 2).mean(1)
        excess = Estimate.of(errors[:, column] - least[:, column])
        assert abs(excess.mean - apart.mean()) < 4.0 * excess.standard_error + 1e-12


def test_terms_and_errors_are_those_of_the_whole_bound_and_the_noise_is_that_of_x_0_over_kappa_squared() -> None:
    network = EmpiricalDenoiser(DIFFUSION, IMAGES)
    denoise, x = DIFFUSION.denoiser(network, clip=False), IMAGES.repeat(40, 1, 1, 1)
    found, whole = level_errors(DIFFUSION, denoise, x, PLACES), evaluate_bound(DIFFUSION, denoise, x, batch_size=2560)
    assert found.bits_per_dim is not None
    torch.testing.assert_close(whole.mse, whole.xstart_mse / DIFFUSION.grid.levels.kappa**2, rtol=1e-6, atol=1e-12)
    for ours, theirs in ((found.bits_per_dim, whole.vb), (found.eps, whole.mse)):
        for column, place in enumerate(PLACES):  # of other noise
            one, two = Estimate.of(ours[:, column]), Estimate.of(theirs[:, place])
            assert abs(one.mean - two.mean) < 4.0 * math.hypot(one.standard_error, two.standard_error) + 1e-12
