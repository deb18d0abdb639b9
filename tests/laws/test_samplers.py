"""Identities of the samplers: eta = 1 is ancestral sampling, and Gaussian data have closed-form results.

With Gaussian data and the exact denoiser every step is affine in the sample and its noise. Feeding unit
vectors instead of random numbers gives the gains of the whole chain, and from them the mean and variance of
what it draws, without Monte-Carlo error.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from idm.core.rng import Rng
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.oracles import GaussianDenoiser
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM, SampleStep
from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule, spaced

# Law 6: DDIM(eta = 1) is DDPM(FIXED_SMALL); eta = 0 ignores the seed after x_T.

BASES = {"linear": linear_schedule(60), "cosine": cosine_schedule(60)}
SHAPE = (3, 2, 4)


def wavy(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.sin(1.3 * x + 0.1 * time.to(x.dtype).view(-1, 1, 1))


@given(
    base=st.sampled_from(sorted(BASES)),
    keep=st.sets(st.integers(0, 59), min_size=1, max_size=12),
    seed=st.integers(0, 2**62),
    clip=st.booleans(),
)
def test_ddim_with_eta_1_is_ancestral_sampling_with_the_posterior_variance_on_any_steps(
    base: str, keep: set[int], seed: int, clip: bool
) -> None:
    diffusion = GaussianDiffusion(BASES[base], model_var_type=ModelVarType.FIXED_SMALL).respace(sorted(keep))
    ddpm = SamplerDDPM(diffusion, clip_denoised=clip)
    ddim = SamplerDDIM(diffusion, clip_denoised=clip, eta=1.0)
    noise = ddpm.initial_noise(SHAPE, seed=seed).double()
    for ancestral, stochastic in zip(
        ddpm.trajectory(wavy, noise, seed=seed), ddim.trajectory(wavy, noise, seed=seed), strict=True
    ):
        torch.testing.assert_close(stochastic.sample, ancestral.sample, rtol=1e-8, atol=1e-8)


def test_ddim_with_eta_1_is_ancestral_sampling_in_float32_over_a_long_chain() -> None:
    diffusion = GaussianDiffusion(linear_schedule(400), model_var_type=ModelVarType.FIXED_SMALL)
    ancestral = SamplerDDPM(diffusion).sample(wavy, SHAPE, seed=3)
    torch.testing.assert_close(
        SamplerDDIM(diffusion, eta=1.0).sample(wavy, SHAPE, seed=3), ancestral, rtol=0, atol=1e-5
    )


def test_it_is_not_ancestral_sampling_with_the_larger_variance() -> None:
    diffusion = GaussianDiffusion(cosine_schedule(10), model_var_type=ModelVarType.FIXED_LARGE)
    ancestral = SamplerDDPM(diffusion).sample(wavy, SHAPE, seed=3)
    assert float((SamplerDDIM(diffusion, eta=1.0).sample(wavy, SHAPE, seed=3) - ancestral).abs().max()) > 0.01


@given(
    base=st.sampled_from(sorted(BASES)),
    keep=st.sets(st.integers(0, 59), min_size=1, max_size=12),
    x_start=st.floats(-2.0, 2.0),
    x=st.floats(-5.0, 5.0),
)
def test_a_step_without_noise_carries_x_start_and_its_noise_to_the_level_below(
    base: str, keep: set[int], x_start: float, x: float
) -> None:
    grid = BASES[base].respace(sorted(keep))
    abar = [1.0, *(float(grid.alphas_cumprod[i]) for i in range(grid.num_timesteps))]
    for i in range(grid.num_timesteps):
        eps = (x - math.sqrt(abar[i + 1]) * x_start) / math.sqrt(1.0 - abar[i + 1])
        expected = math.sqrt(abar[i]) * x_start + math.sqrt(1.0 - abar[i]) * eps  # Song et al. 2021, eq. 12
        values = torch.tensor([[x_start], [x]], dtype=torch.float64)
        found = grid.transition(i, values).ddim(values[0], values[1])
        assert float(found) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(first=st.integers(0, 2**62), second=st.integers(0, 2**62))
def test_ddim_with_eta_0_ignores_the_seed_once_x_t_is_given(first: int, second: int) -> None:
    sampler, noise = SamplerDDIM(GaussianDiffusion(cosine_schedule(8))), torch.ones(SHAPE)
    ours = sampler.sample(wavy, SHAPE, noise=noise, seed=first)
    torch.testing.assert_close(ours, sampler.sample(wavy, SHAPE, noise=noise, seed=second), rtol=0, atol=0)


@pytest.mark.parametrize("eta", [0.01, 0.5, 1.0])
def test_ddim_with_any_larger_eta_heeds_the_seed(eta: float) -> None:
    sampler = SamplerDDIM(GaussianDiffusion(cosine_schedule(8)), eta=eta, clip_denoised=False)
    first, second = (sampler.sample(wavy, SHAPE, noise=torch.ones(SHAPE), seed=seed) for seed in (0, 100))
    assert float((first - second).abs().max()) > 1e-3


# Law 8: with an exact denoiser of a Gaussian, mean and variance at every level are known in closed form.

MEAN, VARIANCE = 0.3, 0.25
Moments = tuple[float, float]


def process(schedule: NoiseSchedule, var_type: ModelVarType = ModelVarType.FIXED_SMALL) -> GaussianDiffusion:
    return GaussianDiffusion(schedule, model_var_type=var_type)


def denoiser(diffusion: GaussianDiffusion) -> GaussianDenoiser:
    mean, variance = (torch.tensor([number], dtype=torch.float64) for number in (MEAN, VARIANCE))
    return GaussianDenoiser(diffusion, mean, variance)


@dataclass(frozen=True)
class UnitVectors(Rng):
    """Instead of noise: row 2 + t gets 1 at step t, every other row 0."""

    def normal(self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        return (torch.arange(len(self.seeds)) == 2 + step).to(dtype).view(-1, *(1,) * len(shape)).expand(-1, *shape)


def moments_at_every_level(sampler: Sampler, at_start: Moments) -> list[Moments]:
    """Mean and variance of x after each step, if x_T has the moments ``at_start``."""
    number = sampler.diffusion.num_timesteps
    rng = UnitVectors(torch.zeros(number + 2, dtype=torch.int64))
    model = sampler.denoiser(denoiser(sampler.diffusion))
    state = SampleStep((torch.arange(number + 2) == 1).double().view(-1, 1))
    levels: list[Moments] = []
    for t in reversed(range(number)):
        state = sampler.step(model, state, t, rng)
        offset, gain, *noise_gains = state.sample.flatten().tolist()
        gain, squares = gain - offset, sum((other - offset) ** 2 for other in noise_gains)
        levels.append((offset + gain * at_start[0], gain**2 * at_start[1] + squares))
    return levels


def marginal(abar: float) -> Moments:
    """Mean and variance of q(x_t)."""
    return math.sqrt(abar) * MEAN, abar * VARIANCE + 1.0 - abar


def recursion(schedule: NoiseSchedule, rule: str, eta: float, at_start: Moments) -> list[Moments]:
    """The same moments from the formulas: Ho et al. 2020, eq. 7, and Song, Meng & Ermon 2021, eq. 12."""
    abars = [1.0, *schedule.alphas_cumprod.tolist()]
    mean, variance = at_start
    levels: list[Moments] = []
    for prev, abar in reversed(list(itertools.pairwise(abars))):
        alpha, sigma2 = math.sqrt(abar), 1.0 - abar
        beta = 1.0 - abar / prev
        small = beta * (1.0 - prev) / sigma2
        gain = alpha * VARIANCE / (abar * VARIANCE + sigma2)  # of x_0 in x_t
        remaining = VARIANCE * sigma2 / (abar * VARIANCE + sigma2)  # Var(x_0 | x_t)
        of_start, of_x = math.sqrt(prev) * beta / sigma2, math.sqrt(abar / prev) * (1.0 - prev) / sigma2
        added = {"small": small, "large": beta, "optimal": small + of_start**2 * remaining}.get(rule, eta**2 * small)
        if rule == "ddim":
            of_eps = math.sqrt(1.0 - prev - eta**2 * small) / math.sqrt(sigma2)
            of_start, of_x = math.sqrt(prev) - of_eps * alpha, of_eps
        factor = of_start * gain + of_x
        mean = of_start * (MEAN - gain * alpha * MEAN) + factor * mean
        variance = factor**2 * variance + (added if prev < 1.0 else 0.0)
        levels.append((mean, variance))
    return levels


CHAINS = {
    "linear": linear_schedule(40),
    "cosine": cosine_schedule(40),
    "few": linear_schedule(400).respace(spaced(400, 7)),
    "one": linear_schedule(400).respace([399]),
}
every_chain = pytest.mark.parametrize("chain", sorted(CHAINS))


@every_chain
@pytest.mark.parametrize(
    ("var_type", "rule"),
    [
        (ModelVarType.FIXED_SMALL, "small"),
        (ModelVarType.FIXED_LARGE, "large"),
        (ModelVarType.LEARNED, "optimal"),
    ],
)
def test_ancestral_sampling_has_the_moments_of_the_closed_form(chain: str, var_type: ModelVarType, rule: str) -> None:
    sampler = SamplerDDPM(process(CHAINS[chain], var_type), clip_denoised=False)
    ours = moments_at_every_level(sampler, (0.0, 1.0))
    np.testing.assert_allclose(ours, recursion(CHAINS[chain], rule, 0.0, (0.0, 1.0)), rtol=1e-8)


@every_chain
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_has_the_moments_of_the_closed_form(chain: str, eta: float) -> None:
    sampler = SamplerDDIM(process(CHAINS[chain]), clip_denoised=False, eta=eta)
    ours = moments_at_every_level(sampler, (0.0, 1.0))
    np.testing.assert_allclose(ours, recursion(CHAINS[chain], "ddim", eta, (0.0, 1.0)), rtol=1e-7)


@pytest.mark.parametrize("chain", ["linear", "cosine", "few"])
@pytest.mark.parametrize("var_type", [ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE])
def test_the_optimal_variance_gives_the_exact_marginal_at_every_level_for_any_number_of_steps(
    chain: str, var_type: ModelVarType
) -> None:
    schedule = CHAINS[chain]
    sampler = SamplerDDPM(process(schedule, var_type), clip_denoised=False)
    *noisy, (mean, variance) = moments_at_every_level(sampler, marginal(float(schedule.alphas_cumprod[-1])))
    exact = [marginal(float(abar)) for abar in schedule.alphas_cumprod[-2::-1]]
    np.testing.assert_allclose(noisy, exact, rtol=1e-8)
    # The last step returns E[x_0 | x_1]: what is missing of the data's variance is the variance it leaves.
    first = float(schedule.alphas_cumprod[0])
    remaining = VARIANCE * (1.0 - first) / (first * VARIANCE + 1.0 - first)
    np.testing.assert_allclose((mean, variance + remaining), (MEAN, VARIANCE), rtol=1e-8)


@given(keep=st.sets(st.integers(0, 59), min_size=2, max_size=10))
def test_the_optimal_variance_is_exact_on_any_subset_of_steps(keep: set[int]) -> None:
    schedule = BASES["linear"].respace(keep)
    sampler = SamplerDDPM(process(schedule, ModelVarType.LEARNED), clip_denoised=False)
    *noisy, _ = moments_at_every_level(sampler, marginal(float(schedule.alphas_cumprod[-1])))
    exact = [marginal(float(abar)) for abar in schedule.alphas_cumprod[-2::-1]]
    np.testing.assert_allclose(noisy, exact, rtol=1e-7)


@pytest.mark.parametrize("mean_type", list(ModelMeanType))
def test_the_moments_do_not_depend_on_what_the_network_predicts(mean_type: ModelMeanType) -> None:
    diffusion = process(CHAINS["few"]).replace(model_mean_type=mean_type)
    ours = moments_at_every_level(SamplerDDPM(diffusion, clip_denoised=False), (0.0, 1.0))
    np.testing.assert_allclose(ours, recursion(CHAINS["few"], "small", 0.0, (0.0, 1.0)), rtol=1e-8)


def variance_error(sampler: Sampler) -> float:
    """Error of the final variance when the chain starts from the exact marginal."""
    levels = moments_at_every_level(sampler, marginal(float(sampler.diffusion.schedule.alphas_cumprod[-1])))
    return levels[-1][1] - VARIANCE


def samplers_of(num_timesteps: int) -> dict[str, Sampler]:
    schedule = linear_schedule(num_timesteps)
    return {
        "small": SamplerDDPM(process(schedule), clip_denoised=False),
        "large": SamplerDDPM(process(schedule, ModelVarType.FIXED_LARGE), clip_denoised=False),
        "ddim": SamplerDDIM(process(schedule), clip_denoised=False),
    }


def test_the_small_variance_draws_too_narrowly_and_the_large_one_too_widely() -> None:
    samplers = samplers_of(50)
    assert variance_error(samplers["small"]) < 0.0 < variance_error(samplers["large"])


@pytest.mark.parametrize("name", ["small", "large", "ddim"])
def test_twice_the_steps_halve_the_error_of_the_variance(name: str) -> None:
    errors = [abs(variance_error(samplers_of(number)[name])) for number in (100, 200, 400)]
    for coarse, fine in itertools.pairwise(errors):
        assert 1.8 < coarse / fine < 2.2


def test_a_sampled_batch_has_the_moments_of_the_closed_form() -> None:
    """The whole way once with real noise: seeds, loop and rule together."""
    number = 20_000
    sampler = SamplerDDPM(process(CHAINS["few"], ModelVarType.FIXED_SMALL), clip_denoised=False)
    mean, variance = recursion(CHAINS["few"], "small", 0.0, (0.0, 1.0))[-1]
    noise = sampler.initial_noise((number, 1), seed=1).double()
    x = sampler.sample(denoiser(sampler.diffusion), (number, 1), noise=noise, seed=1)
    # Four standard errors of a Gaussian's mean and variance.
    assert abs(float(x.mean()) - mean) < 4.0 * math.sqrt(variance / number)
    assert abs(float(x.var()) - variance) < 4.0 * variance * math.sqrt(2.0 / number)
