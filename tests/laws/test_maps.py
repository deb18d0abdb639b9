"""Maps of the bound: the bits of every value, of data whose values have likelihoods of their own in closed form."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import ContinuousDecoder, DiscretizedDecoder, GaussianDiffusion, ModelVarType
from idm.likelihood import Estimate, evaluate_bound, map_bound
from idm.oracles import EnumeratedDenoiser, GaussianDenoiser
from idm.schedules import cosine_schedule, linear_schedule

MEAN = torch.tensor([[[0.2, -0.5, 0.0], [0.0, 0.4, -0.1]]], dtype=torch.float64)
VARIANCE = torch.tensor([[[0.1, 0.3, 0.6], [0.05, 0.2, 1.0]]], dtype=torch.float64)


def gaussian() -> tuple[GaussianDiffusion, GaussianDenoiser]:
    diffusion = GaussianDiffusion(linear_schedule(60), model_var_type=ModelVarType.LEARNED, decoder=ContinuousDecoder())
    return diffusion, GaussianDenoiser(diffusion, MEAN, VARIANCE)


def exact_bits(x: Tensor) -> Tensor:
    """-log2 p(x_0) of each value."""
    density = 0.5 * (torch.log(2.0 * math.pi * VARIANCE) + (x - MEAN) ** 2 / VARIANCE)
    return density / math.log(2.0)


def test_values_of_gaussian_data_have_the_bits_of_their_own_densities() -> None:
    diffusion, oracle = gaussian()
    one = torch.tensor([[[0.3, 0.9, -1.4], [0.5, 0.4, 0.0]]], dtype=torch.float64)  # the first below is far out
    x = one.expand(4000, 1, 2, 3)
    found = map_bound(diffusion, diffusion.denoiser(oracle, clip=False), x, batch_size=4000)
    maps = found.maps
    # With exact reverse conditionals the bound of every value misses its density by KL(p(x_T) of the data || N(0, 1)),
    # seen from this value: log N(x_T; its marginal) - log N(x_T; 0, 1), averaged over the noise.
    abar = float(diffusion.schedule.alphas_cumprod[-1])
    spread = abar * VARIANCE + 1.0 - abar
    second = abar * one**2 + 1.0 - abar  # of x_T given x_0
    apart = second - 2.0 * math.sqrt(abar) * MEAN * math.sqrt(abar) * one + abar * MEAN**2
    missed = 0.5 * (second - apart / spread - torch.log(spread)) / math.log(2.0)
    expected = exact_bits(one) + missed
    for row in range(2):
        for column in range(3):
            bits = Estimate.of(maps[:, 0, row, column])
            assert abs(bits.mean - float(expected[0, row, column])) < 4.0 * bits.standard_error + 1e-9


@pytest.mark.parametrize("batch_size", [3, 64])
def test_the_mean_of_a_map_is_the_bound_of_its_sample_which_is_that_of_the_whole(batch_size: int) -> None:
    diffusion, oracle = gaussian()
    x = MEAN + VARIANCE.sqrt() * torch.as_tensor(np.random.default_rng(1).normal(size=(7, 1, 2, 3)))
    denoise = diffusion.denoiser(oracle, clip=False)
    found = map_bound(diffusion, denoise, x, seed=11, batch_size=batch_size)
    whole = evaluate_bound(diffusion, denoise, x, seed=11)
    torch.testing.assert_close(found.maps.flatten(1).mean(1), found.vlb.total_bpd, rtol=1e-12, atol=1e-12)
    for name in ("total_bpd", "prior_bpd", "vb", "xstart_mse", "mse"):
        torch.testing.assert_close(getattr(found.vlb, name), getattr(whole, name), rtol=1e-9, atol=1e-12)


def test_as_many_steps_as_fit_go_through_the_network_at_once() -> None:
    diffusion, oracle = gaussian()
    sizes: list[int] = []

    def counted(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        sizes.append(len(x))
        return oracle(x, time, **conditioning)

    map_bound(diffusion, diffusion.denoiser(counted, clip=False), MEAN.repeat(7, 1, 1, 1), batch_size=64)
    assert sizes == [7, *[63] * 6, 35]  # the decoder's step, and the other 59, nine at a time


def test_a_value_that_is_always_the_same_costs_nothing_and_one_of_two_costs_a_bit() -> None:
    """Two pixels of two levels, the first always 1, the second a fair coin."""
    states = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).double().view(2, 1, 2)
    chain = cosine_schedule(100).with_noise_floor(0.1).respace(range(0, 94, 2))
    diffusion = GaussianDiffusion(chain, model_var_type=ModelVarType.LEARNED, decoder=DiscretizedDecoder(levels=2))
    oracle = EnumeratedDenoiser(diffusion, states, torch.tensor([0.5, 0.5]))
    found = map_bound(diffusion, diffusion.denoiser(oracle), states.repeat(500, 1, 1), batch_size=1000)
    certain, coin = (Estimate.of(values) for values in found.maps[:, 0].T)
    assert certain.mean == pytest.approx(0.0, abs=1e-3)
    assert 1.0 - 4.0 * coin.standard_error <= coin.mean <= 1.1 + 4.0 * coin.standard_error
