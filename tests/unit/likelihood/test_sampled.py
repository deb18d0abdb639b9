"""The bound from a few terms, on data whose bound has a closed form."""

import math
from dataclasses import replace

import pytest
import torch

from idm.core.errors import SettingsError
from idm.diffusion import ContinuousDecoder, GaussianDiffusion, ModelVarType
from idm.likelihood import StepProposal, evaluate_bound, fit_proposal, sample_bound
from idm.oracles import GaussianDenoiser
from idm.schedules import linear_schedule

STEPS, VARIANCE = 160, 0.25


@pytest.fixture(scope="module")
def diffusion():
    schedule = linear_schedule(STEPS)
    return GaussianDiffusion(schedule, model_var_type=ModelVarType.LEARNED, decoder=ContinuousDecoder())


@pytest.fixture(scope="module")
def denoise(diffusion):
    """Its reverse conditionals are those of the data, so that the bound is their exact log-likelihood."""
    network = GaussianDenoiser(diffusion, torch.zeros(2).double(), torch.full((2,), VARIANCE).double())
    return diffusion.denoiser(network, clip=False)


def data(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return VARIANCE**0.5 * torch.randn(count, 2, generator=generator, dtype=torch.float64)


def exact(x):
    return (x.square().mean(1) / (2 * VARIANCE) + 0.5 * math.log(2 * math.pi * VARIANCE)) / math.log(2)


@pytest.fixture(scope="module")
def fitted(diffusion, denoise):
    return fit_proposal(diffusion, denoise, data(16, seed=5))


@pytest.mark.parametrize("calls", [4, 12])
def test_its_mean_is_the_exact_log_likelihood_whatever_the_pilot_found(diffusion, denoise, fitted, calls):
    x = data(3000)
    even = StepProposal(torch.full((STEPS - 1,), 1 / (STEPS - 1), dtype=torch.float64))
    odd = torch.linspace(1, 3, STEPS - 1, dtype=torch.float64)
    for proposal in (fitted, even, StepProposal(odd / odd.sum())):
        found = sample_bound(diffusion, denoise, x, proposal, calls=calls, batch_size=8192)
        off = found.bits_per_dim - exact(x)
        assert abs(float(off.mean())) < 4 * float(off.std()) / len(x) ** 0.5
        assert found.of_these.mean == pytest.approx(float(found.bits_per_dim.mean()))


def test_the_interval_of_these_images_holds_their_exact_bound_in_90_to_99_of_100_repeats(diffusion, denoise, fitted):
    x, repeats = data(10), 200
    found = sample_bound(diffusion, denoise, x.repeat(repeats, 1), fitted, calls=14, batch_size=8192)
    held = 0
    for part in torch.arange(10 * repeats).split(10):
        names = ("bits_per_dim", "variance", "prior", "decoder", "decoder_variance")
        one = replace(found, **{name: getattr(found, name)[part] for name in names})
        low, high = one.interval(one.of_these)
        held += low <= float(exact(x).mean()) <= high
    assert 0.9 * repeats <= held <= 0.99 * repeats


def test_a_sixteenth_of_the_terms_scatters_no_more_than_the_noise_of_the_full_sum(diffusion, denoise, fitted):
    x = data(1).expand(400, 2)
    full = evaluate_bound(diffusion, denoise, x, batch_size=8192).total_bpd
    few = sample_bound(diffusion, denoise, x, fitted, calls=STEPS // 16 + 2, batch_size=8192).bits_per_dim
    assert float(few.std()) < 1.25 * float(full.std())
    even = StepProposal(torch.full((STEPS - 1,), 1 / (STEPS - 1), dtype=torch.float64))
    worse = sample_bound(diffusion, denoise, x, even, calls=STEPS // 16 + 2, batch_size=8192).bits_per_dim
    assert float(worse.std()) > 2 * float(few.std())


def test_the_variance_is_that_of_repeats_or_a_little_more(diffusion, denoise, fitted):
    found = sample_bound(diffusion, denoise, data(1).expand(2000, 2), fitted, calls=14, batch_size=8192)
    ratio = float(found.variance.mean() / found.bits_per_dim.var())
    assert 0.9 < ratio < 2.0


def test_the_terms_at_steps_count_so_that_every_term_counts_once(fitted):
    places = (torch.arange(200_000).double() + 0.5)[:, None] / 200_000
    steps, weights = fitted.steps_at(places)
    counts = torch.zeros(STEPS, dtype=torch.float64).index_add_(0, steps.flatten(), weights.flatten() / 200_000)
    torch.testing.assert_close(counts[1:], torch.ones(STEPS - 1).double(), rtol=0.02, atol=0.02)
    assert counts[0] == 0


def test_an_image_has_its_own_estimate(diffusion, denoise, fitted):
    x = data(7)
    whole = sample_bound(diffusion, denoise, x, fitted, calls=6, seed=5)
    for size in (1, 3, 40):
        other = sample_bound(diffusion, denoise, x, fitted, calls=6, seed=5, batch_size=size)
        torch.testing.assert_close(other.bits_per_dim, whole.bits_per_dim, rtol=1e-10, atol=1e-10)
    rest = sample_bound(diffusion, denoise, x[4:], fitted, calls=6, seed=9)
    torch.testing.assert_close(rest.bits_per_dim, whole.bits_per_dim[4:], rtol=1e-10, atol=1e-10)


def test_two_networks_on_equal_terms_differ_by_far_less_than_their_estimates_scatter(diffusion, denoise, fitted):
    network = GaussianDenoiser(diffusion, torch.zeros(2).double(), torch.full((2,), 1.02 * VARIANCE).double())
    other = diffusion.denoiser(network, clip=False)
    x = data(1).expand(200, 2)
    first, second = (sample_bound(diffusion, one, x, fitted, calls=12).bits_per_dim for one in (denoise, other))
    assert float((first - second).std()) < 0.2 * float(first.std())


def test_what_cannot_be_estimated_is_refused(diffusion, denoise, fitted):
    for calls in (3, 5, 2):
        with pytest.raises(SettingsError, match="calls: an even number from 4 on"):
            sample_bound(diffusion, denoise, data(2), fitted, calls=calls)
    with pytest.raises(SettingsError, match="proposal: one of a chain of 160 steps wanted"):
        sample_bound(diffusion, denoise, data(2), StepProposal(torch.tensor([0.5, 0.5]).double()))
    with pytest.raises(SettingsError, match="probabilities above 0"):
        StepProposal(torch.tensor([0.5, 0.0, 0.5]).double())
    with pytest.raises(SettingsError, match="pilot: an image"):
        fit_proposal(diffusion, denoise, data(2)[:0])
