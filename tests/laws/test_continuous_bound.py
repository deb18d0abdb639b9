"""The bound in continuous time against its closed form, and the bounds of chains that come down to it."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import ContinuousDecoder, GaussianDiffusion, ModelMeanType, ModelVarType
from idm.likelihood import continuous_bound, evaluate_bound
from idm.oracles import GaussianDenoiser
from idm.schedules import Grid, cosine_schedule, flow_schedule, linear_schedule, regrid

LN_2 = math.log(2.0)
VARIANCE = 0.25
WHOLE = cosine_schedule(1000).with_noise_floor(0.02).respace(range(980))


def process(grid: Grid) -> GaussianDiffusion:
    return GaussianDiffusion(
        grid, model_mean_type=ModelMeanType.V, model_var_type=ModelVarType.FIXED_SMALL, decoder=ContinuousDecoder()
    )


def oracle(diffusion: GaussianDiffusion) -> GaussianDenoiser:
    return GaussianDenoiser(diffusion, torch.zeros(1), torch.full((1,), VARIANCE))


def integral(grid: Grid) -> float:
    """Bits/dim of all steps: half of the integral of m dSNR, where m = s^2 / (1 + s^2 SNR) of Gaussian data."""
    high, low = (float(grid.levels.kappa[i]) ** -2 for i in (0, -1))
    return 0.5 * math.log((1.0 + VARIANCE * high) / (1.0 + VARIANCE * low)) / LN_2


@pytest.mark.parametrize("grid", [WHOLE, linear_schedule(200), flow_schedule(300).respace(range(290))], ids=str)
def test_its_mean_over_gaussian_data_is_the_closed_form_of_the_integral(grid: Grid) -> None:
    generator = torch.Generator().manual_seed(0)
    x = VARIANCE**0.5 * torch.randn(4000, 1, generator=generator, dtype=torch.float64)
    diffusion = process(grid)
    found = continuous_bound(diffusion, oracle(diffusion).denoiser(), x, calls=34, batch_size=4000)
    steps = found.bits_per_dim - found.prior - found.decoder
    assert abs(float(steps.mean()) - integral(grid)) < 4 * float(steps.std()) / len(x) ** 0.5
    again = continuous_bound(diffusion, oracle(diffusion).denoiser(), x[:3], calls=34, batch_size=1)
    torch.testing.assert_close(again.bits_per_dim, found.bits_per_dim[:3], rtol=1e-9, atol=1e-9)


def test_the_variance_is_that_of_repeats_or_a_little_more() -> None:
    diffusion = process(WHOLE)
    x = torch.full((3000, 1), 0.4, dtype=torch.float64)
    found = continuous_bound(diffusion, oracle(diffusion).denoiser(), x, batch_size=3000)
    assert 0.9 < float(found.variance.mean() / found.bits_per_dim.var()) < 2.0


def test_the_scatter_of_the_decoder_falls_as_calls_grow() -> None:
    """Of independent draws, four times as many halve the deviation of their mean."""
    diffusion, x = process(WHOLE), torch.full((2000, 1), 0.4, dtype=torch.float64)
    few, many = (
        continuous_bound(diffusion, oracle(diffusion).denoiser(), x, calls=calls, batch_size=2000).decoder.std()
        for calls in (18, 72)
    )
    assert float(few / many) == pytest.approx(2.0, rel=0.1)  # the ratio of 2,000 each is off by 2.2 %


def quadrature() -> tuple[Tensor, np.ndarray, Tensor]:
    """Pairs of x_0 and noise, and weights: expectations of squares are exact."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    pairs = list(itertools.product(range(3), repeat=2))
    x = torch.tensor([[math.sqrt(VARIANCE) * nodes[i]] for i, _ in pairs], dtype=torch.float64)
    noise = torch.tensor([[nodes[j]] for _, j in pairs], dtype=torch.float64)
    weights = weights / weights.sum()
    return x, np.array([weights[i] * weights[j] for i, j in pairs]), noise


def of_chain(grid: Grid) -> float:
    """Expected bits/dim of the steps of a chain between levels, each of which has its exact closed form."""
    diffusion, (x, weights, noise) = process(grid), quadrature()
    total = 0.0
    for t in range(1, grid.num_timesteps):
        at = diffusion.transition(t, x)
        x_t = at.up.diffuse(x, noise)
        step = diffusion.reverse(oracle(diffusion).denoiser()(x_t, at.up), at, x_t)
        total += float(diffusion.vb_bpd(step, x, x_t, t).numpy() @ weights)
    return total


def test_chains_of_ever_more_steps_come_down_to_it_as_their_steps_get_shorter() -> None:
    low, high = (math.log(float(WHOLE.levels.kappa[i])) for i in (0, -1))
    above = []
    for steps in (100, 200, 400):
        grid = WHOLE.of_ratios(np.exp(np.linspace(low, high, steps + 1)))
        above.append((of_chain(grid) - integral(grid)) * steps / (high - low))

    # Each term is 1/2 (SNR_down - SNR_up) m_up: too much by half of the growth of m, h / 4 times |dSNR/dl| dm/dl.
    def growth(at: float) -> float:
        square = math.exp(2.0 * at)
        return 0.25 * (2.0 / square) * 2.0 * square * (VARIANCE / (VARIANCE + square)) ** 2

    expected = quad(growth, low, high)[0] / LN_2
    assert above[2] == pytest.approx(expected, rel=0.02)
    assert abs(above[2] - expected) < 0.6 * abs(above[1] - expected) < 0.4 * abs(above[0] - expected)


def test_a_chain_of_a_thousand_steps_is_above_it_by_little() -> None:
    x = VARIANCE**0.5 * torch.randn(200, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    diffusion = process(regrid(WHOLE, 900, "log_snr"))
    denoise = oracle(diffusion).denoiser()
    chain = evaluate_bound(diffusion, denoise, x, batch_size=20_000).total_bpd
    found = continuous_bound(diffusion, denoise, x, calls=66).bits_per_dim
    error = math.hypot(float(chain.std()), float(found.std())) / len(x) ** 0.5
    assert abs(float((chain - found).mean())) < 4 * error


def test_what_has_no_such_bound_is_refused() -> None:
    previous = GaussianDiffusion(linear_schedule(30), model_mean_type=ModelMeanType.PREVIOUS_X)
    diffusion = process(WHOLE)
    for given in (previous, process(flow_schedule(30)), process(linear_schedule(30).respace([7]))):
        with pytest.raises(SettingsError, match="continuous bound: two levels with some signal"):
            continuous_bound(given, oracle(diffusion).denoiser(), torch.zeros(2, 1))
    with pytest.raises(SettingsError, match="calls: an even number from 4 on"):
        continuous_bound(diffusion, oracle(diffusion).denoiser(), torch.zeros(2, 1), calls=5)
