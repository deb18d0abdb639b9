"""Gaussian data: the Wiener filter, against conditioning written out in numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, ModelMeanType
from idm.oracles import GaussianDenoiser, MixtureDenoiser
from idm.schedules import NoiseSchedule

BETAS = [0.1, 0.3, 0.6]
DIFFUSION = GaussianDiffusion(NoiseSchedule.from_betas(BETAS), model_mean_type=ModelMeanType.START_X)
X = torch.as_tensor(np.random.default_rng(0).normal(size=(5, 3, 2, 2)))


def conditioned(x: np.ndarray, mean: np.ndarray, variance: np.ndarray, t: int) -> np.ndarray:
    """Mean of x_0 given x_t from their joint covariance [[s^2, alpha s^2], [alpha s^2, alpha^2 s^2 + sigma^2]]."""
    abar = np.prod(1.0 - np.array(BETAS[: t + 1]))
    covariance, own = np.sqrt(abar) * variance, abar * variance + 1.0 - abar
    return mean + covariance / own * (x - np.sqrt(abar) * mean)


@pytest.mark.parametrize("shape", [(1,), (3, 1, 1), (1, 2, 2), (3, 2, 2), (2, 1), ()])
@pytest.mark.parametrize("t", [0, 1, 2])
def test_means_and_variances_broadcast_to_the_shape_of_a_sample(shape: tuple[int, ...], t: int) -> None:
    generator = np.random.default_rng(1)
    mean, variance = generator.normal(size=shape), generator.uniform(0.1, 2.0, shape)
    oracle = GaussianDenoiser(DIFFUSION, torch.as_tensor(mean), torch.as_tensor(variance))
    ours = DIFFUSION.predict(oracle, X, t).prediction
    np.testing.assert_allclose(ours.numpy(), conditioned(X.numpy(), mean, variance, t), rtol=0, atol=1e-13)


def test_a_gaussian_of_one_variance_is_a_mixture_of_one_component() -> None:
    mean = torch.as_tensor(np.random.default_rng(2).normal(size=(3, 2, 2)))
    one = torch.ones(1, dtype=torch.float64)
    gaussian = GaussianDenoiser(DIFFUSION, mean, 0.3 * one)
    mixture = MixtureDenoiser(DIFFUSION, one, mean[None], 0.3 * one)
    for t in range(3):
        ours, theirs = (
            oracle.x_start_moments(X, DIFFUSION.schedule.level(torch.full((5,), t), X), {})
            for oracle in (gaussian, mixture)
        )
        torch.testing.assert_close(ours.mean, theirs.mean, rtol=0, atol=1e-13)
        torch.testing.assert_close(ours.variance, theirs.variance, rtol=0, atol=1e-13)


def moments(variance: Tensor, t: int) -> tuple[Tensor, Tensor]:
    oracle = GaussianDenoiser(DIFFUSION, torch.tensor([0.4]), variance)
    found = oracle.x_start_moments(X, DIFFUSION.schedule.level(torch.full((5,), t), X), {})
    return found.mean, found.variance


@pytest.mark.parametrize("t", [0, 1, 2])
def test_a_single_point_is_always_recognised(t: int) -> None:
    mean, variance = moments(torch.zeros(1), t)
    torch.testing.assert_close(mean, torch.full_like(X, 0.4), rtol=0, atol=1e-7)
    assert torch.equal(variance, torch.zeros_like(X))


@pytest.mark.parametrize("t", [0, 1, 2])
def test_without_prior_knowledge_the_sample_itself_is_the_answer(t: int) -> None:
    mean, variance = moments(torch.full((1,), 1e12), t)
    abar = float(np.prod(1.0 - np.array(BETAS[: t + 1])))
    torch.testing.assert_close(mean, X / abar**0.5, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(variance, torch.full_like(X, (1.0 - abar) / abar), rtol=1e-9, atol=0)


def test_a_negative_variance_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"variance: numbers of at least 0 wanted, got -0\.5"):
        GaussianDenoiser(DIFFUSION, torch.zeros(2), torch.tensor([0.1, -0.5]))


def test_a_mean_of_more_elements_than_a_sample_is_refused() -> None:
    oracle = GaussianDenoiser(DIFFUSION, torch.zeros(2, 3, 2, 2), torch.ones(1))
    with pytest.raises(SettingsError, match=r"x: a shape that the mean's \(2, 3, 2, 2\) fits wanted"):
        DIFFUSION.predict(oracle, X[:1], 1)
