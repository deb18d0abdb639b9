"""The likelihood of the probability flow against densities that are known in closed form."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.event import Event
from idm.core.progress import Calls
from idm.diffusion import GaussianDiffusion, ModelMeanType
from idm.likelihood import Estimate, flow_likelihood
from idm.likelihood.flow import LARGEST_KAPPA
from idm.oracles import GaussianDenoiser, MixtureDenoiser
from idm.schedules import Grid, cosine_schedule, flow_schedule, linear_schedule

LN_2 = math.log(2.0)
GRIDS: dict[str, Grid] = {
    "linear": linear_schedule(1000),
    "cosine": cosine_schedule(400).with_noise_floor(0.02),
    "flow": flow_schedule(300),
}
every_path = pytest.mark.parametrize("path", GRIDS)
MEAN, VARIANCE = torch.tensor([0.3, -0.5]).double(), torch.tensor([0.25, 0.04]).double()


def ends(grid: Grid) -> tuple[float, float]:
    """Noise-to-signal ratios between which the flow runs."""
    kappas = grid.levels.kappa
    return float(kappas[0]), min(float(kappas[-1]), LARGEST_KAPPA)


def gaussian(grid: Grid, x: Tensor, **options: Any) -> Tensor:
    diffusion = GaussianDiffusion(grid, model_mean_type=ModelMeanType.V)
    oracle = GaussianDenoiser(diffusion, MEAN, VARIANCE)
    return flow_likelihood(diffusion, oracle.denoiser(), x, **options).bits_per_dim


def data(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return MEAN + VARIANCE.sqrt() * torch.randn(count, 2, generator=generator, dtype=torch.float64)


@every_path
def test_of_gaussian_data_it_is_what_the_closed_form_of_the_flow_makes_of_the_prior(path: str) -> None:
    grid, x = GRIDS[path], data(20)
    low, high = ends(grid)
    grown = (VARIANCE + high**2) / (VARIANCE + low**2)  # of squares
    end = MEAN + (x - MEAN) * grown.sqrt()
    prior = high if path == "flow" else math.sqrt(1.0 + high**2)  # sampling starts from noise, or from sigma noise
    log_density = stats.norm.logpdf(end.numpy(), 0.0, prior).sum(1) + 0.5 * float(grown.log().sum())
    errors = [
        np.abs(gaussian(grid, x, steps=steps, probes=0).numpy() + log_density / (2 * LN_2)) for steps in (50, 100)
    ]
    assert errors[0].max() < 3e-4
    assert 10 < errors[0].max() / errors[1].max() < 24  # order 4: 16


def test_of_a_mixture_50_steps_are_right_to_a_ten_thousandth_of_a_bit() -> None:
    grid = GRIDS["linear"].with_noise_floor(0.02)
    diffusion, weights = GaussianDiffusion(grid), torch.tensor([0.5, 0.3, 0.2]).double()
    means = torch.tensor([[1.0, 0.5], [-0.8, 0.9], [0.3, -1.5]]).double()
    means, spread = means - weights @ means, torch.tensor([0.3, 0.3, 0.3]).double()
    oracle = MixtureDenoiser(diffusion, weights, means, spread**2)
    chosen = torch.multinomial(weights, 300, replacement=True, generator=torch.Generator().manual_seed(1))
    x = means[chosen] + spread[chosen, None] * torch.randn(
        300, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    low, _ = ends(grid)
    scale = (spread**2 + low**2).sqrt().numpy()
    of_each = stats.norm.logpdf(x.numpy()[:, None], means.numpy(), scale[:, None]).sum(2) + np.log(weights.numpy())
    exact = -np.logaddexp.reduce(of_each, axis=1) / (2 * LN_2)
    found = flow_likelihood(diffusion, oracle.denoiser(), x)
    assert (found.steps, found.probes) == (50, 0)  # of two values the trace is exact
    assert np.sqrt(np.mean((found.bits_per_dim.numpy() - exact) ** 2)) <= 1e-4
    assert not found.has_few_steps
    assert flow_likelihood(diffusion, oracle.denoiser(), x, steps=4).has_few_steps


def test_probes_have_no_bias_and_scatter_less_the_more_there_are() -> None:
    grid, x, deviations = GRIDS["linear"], data(1).expand(400, 2), []
    for probes in (1, 9):
        off = gaussian(grid, x, steps=20, probes=probes) - gaussian(grid, x[:1], steps=20, probes=0)
        assert abs(float(off.mean())) < 4 * float(off.std()) / 20 + 1e-9
        deviations.append(float(off.std()))
    # Of independent values the Jacobian is diagonal, which signs see exactly.
    assert max(deviations) < 1e-9
    mixed = MixtureDenoiser(
        GaussianDiffusion(grid), torch.ones(2), torch.tensor([[0.5, 0.5], [-0.5, -0.5]]), torch.tensor([0.02, 0.02])
    )
    exact, one, nine = (
        flow_likelihood(mixed.diffusion, mixed.denoiser(), x, steps=20, probes=probes).bits_per_dim
        for probes in (0, 1, 9)
    )
    for found in (one, nine):
        assert abs(float((found - exact).mean())) < 4 * float(found.std()) / 20
    assert float(one.std()) == pytest.approx(3 * float(nine.std()), rel=0.2)


def test_of_levels_it_is_an_upper_bound_that_misses_their_bits_by_jensens_gap() -> None:
    grid, width = GRIDS["linear"], 0.25
    low, _ = ends(grid)
    spread = math.sqrt(0.25 + low**2)
    x = torch.full((4000, 1), 0.5, dtype=torch.float64)
    diffusion = GaussianDiffusion(grid)
    oracle = GaussianDenoiser(diffusion, torch.zeros(1), torch.full((1,), 0.25))
    found = flow_likelihood(diffusion, oracle.denoiser(), x, bin_width=width)
    within = (np.arange(1000) + 0.5) / 1000 - 0.5
    expected = -stats.norm.logpdf(0.5 + width * within, 0.0, spread).mean() / LN_2 - math.log2(width)
    exact = -math.log2(stats.norm.cdf(0.625, 0.0, spread) - stats.norm.cdf(0.375, 0.0, spread))
    assert exact < expected
    off = found.mean.mean - expected
    assert abs(off) < 4 * found.mean.standard_error + 1e-4
    assert found.mean.standard_error < 0.2 * expected


def test_every_sample_has_its_own_noise_and_probes_whatever_it_is_computed_with() -> None:
    x = data(5).float()
    whole = gaussian(GRIDS["cosine"], x, steps=6, probes=1, bin_width=0.1, seed=3)
    for size in (1, 2):
        other = gaussian(GRIDS["cosine"], x, steps=6, probes=1, bin_width=0.1, seed=3, batch_size=size)
        torch.testing.assert_close(other, whole, rtol=1e-5, atol=1e-5)
    rest = gaussian(GRIDS["cosine"], x[3:], steps=6, probes=1, bin_width=0.1, seed=6)
    torch.testing.assert_close(rest, whole[3:], rtol=1e-5, atol=1e-5)
    assert torch.isfinite(whole).all()
    assert Estimate.of(whole).mean == pytest.approx(float(whole.mean()))


def test_every_call_of_the_network_is_heard_of_and_so_is_a_signal_between_two() -> None:
    grid, heard = GRIDS["linear"], list[Event]()
    gaussian(grid, data(3), steps=4, batch_size=2, listener=Calls(heard.append, least_seconds=0.0))
    # Two batches; four calls for each of 4 steps, and of 2.
    assert [(event.done, event.total, event.unit) for event in heard] == [(done, 48, "calls") for done in range(49)]


def test_what_has_no_flow_is_refused() -> None:
    with pytest.raises(SettingsError, match="flow: a sample and an even number of steps wanted, got 3 and 5"):
        gaussian(GRIDS["linear"], data(3), steps=5)
    previous = GaussianDiffusion(linear_schedule(30), model_mean_type=ModelMeanType.PREVIOUS_X)
    with pytest.raises(SettingsError, match="flow: a prediction that has a meaning between steps wanted"):
        flow_likelihood(previous, GaussianDenoiser(previous, MEAN, VARIANCE).denoiser(), data(3))
