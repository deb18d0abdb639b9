"""The quick estimate of the bound."""

import pytest
import torch

from idm.core.errors import SettingsError
from idm.diffusion import ContinuousDecoder, GaussianDiffusion
from idm.likelihood import estimate_bpd, evaluate_bound
from idm.oracles import GaussianDenoiser
from idm.schedules import cosine_schedule

STEPS = 40


@pytest.fixture
def diffusion():
    return GaussianDiffusion(cosine_schedule(STEPS), decoder=ContinuousDecoder())


def oracle(diffusion, clip):
    network = GaussianDenoiser(diffusion, torch.tensor([0.2]).double(), torch.tensor([0.3]).double())
    return diffusion.denoiser(network, clip=clip)


@pytest.fixture
def model(diffusion):
    return oracle(diffusion, True)


@pytest.fixture
def unclipped(diffusion):
    return oracle(diffusion, False)


def data(count):
    return 0.2 + 0.3**0.5 * torch.randn(count, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(scope="module")
def bound():
    """The bound of many samples, with other noise than estimates of it."""
    diffusion = GaussianDiffusion(cosine_schedule(STEPS), decoder=ContinuousDecoder())
    return evaluate_bound(diffusion, oracle(diffusion, False), data(4_000), seed=10**6).total_bpd


@pytest.mark.parametrize("num_terms", [1, 4, 16, STEPS - 1, 2 * STEPS])
def test_its_mean_is_the_bound(diffusion, unclipped, bound, num_terms):
    x = data(4_000)
    difference = estimate_bpd(diffusion, unclipped, x, num_terms=num_terms) - bound
    error = float(difference.std() / len(x) ** 0.5)
    assert abs(float(difference.mean())) < 4 * error
    assert error < 0.2


def test_more_terms_scatter_less(diffusion, unclipped):
    x = data(500)
    spread = [float(estimate_bpd(diffusion, unclipped, x, num_terms=n).std()) for n in (1, 4, 16)]
    assert spread[0] > 1.5 * spread[1] > 1.5 * spread[2] / 1.2


def test_an_image_has_its_own_estimate(diffusion, model):
    x = data(7)
    whole = estimate_bpd(diffusion, model, x, seed=5)
    assert torch.allclose(whole, estimate_bpd(diffusion, model, x, seed=5, batch_size=3), rtol=1e-12, atol=0)
    assert torch.allclose(whole[4:], estimate_bpd(diffusion, model, x[4:], seed=9), rtol=1e-12, atol=0)


def test_a_chain_of_one_step():
    diffusion = GaussianDiffusion(cosine_schedule(1), decoder=ContinuousDecoder())
    assert estimate_bpd(diffusion, oracle(diffusion, True), data(3)).shape == (3,)


@pytest.mark.parametrize(("count", "num_terms", "batch_size"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_to_estimate_is_refused(diffusion, model, count, num_terms, batch_size):
    with pytest.raises(SettingsError, match="at least one image"):
        estimate_bpd(diffusion, model, data(count), num_terms=num_terms, batch_size=batch_size)
