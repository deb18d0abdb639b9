"""Identities of chains: respacing, composition of posterior and marginal, and chains of any length down to one.

Everything is derived from abar alone, with SNR = abar / (1 - abar).
"""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from idm.core.types import Network
from idm.diffusion import GaussianDiffusion, LossType, ModelMeanType, ModelVarType
from idm.likelihood import calc_bpd_loop
from idm.samplers import SAMPLERS, Sampler
from idm.schedules import SPACINGS, NoiseSchedule, cosine_schedule, linear_schedule, spaced

TABLES = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)
NAMED = {
    "linear 21": linear_schedule(21),
    "linear 1000": linear_schedule(1000),
    "cosine 2": cosine_schedule(2),
    "cosine 1000": cosine_schedule(1000),
    "few": linear_schedule(1000).respace(spaced(1000, 7)),
}
every_schedule = pytest.mark.parametrize("schedule", NAMED.values(), ids=NAMED)


@st.composite
def schedules(draw: st.DrawFn, shortest: int = 1) -> NoiseSchedule:
    """Chains of any betas, in any order."""
    return NoiseSchedule.from_betas(draw(st.lists(st.floats(1e-4, 0.999), min_size=shortest, max_size=12)))


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def assert_same(ours: NoiseSchedule, theirs: NoiseSchedule) -> None:
    for name in TABLES:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.timesteps, theirs.timesteps)
    assert ours.num_train_timesteps == theirs.num_train_timesteps


# Law 1: respacing to all steps is the identity; twice is once; marginals at kept steps are unchanged.


@every_schedule
def test_respacing_to_all_steps_is_the_identity(schedule: NoiseSchedule) -> None:
    assert_same(schedule.respace(range(schedule.num_timesteps)), schedule)


@given(schedule=schedules(), data=st.data())
def test_respacing_twice_is_respacing_once(schedule: NoiseSchedule, data: st.DataObject) -> None:
    first = sorted(data.draw(st.sets(st.integers(0, schedule.num_timesteps - 1), min_size=1)))
    second = sorted(data.draw(st.sets(st.integers(0, len(first) - 1), min_size=1)))
    assert_same(schedule.respace(first).respace(second), schedule.respace([first[i] for i in second]))


@given(schedule=schedules(), data=st.data())
def test_marginals_at_kept_steps_are_unchanged(schedule: NoiseSchedule, data: st.DataObject) -> None:
    keep = sorted(data.draw(st.sets(st.integers(0, schedule.num_timesteps - 1), min_size=1)))
    whole = GaussianDiffusion(schedule)
    short = whole.respace(keep)
    x_start, noise = torch.full((1, 1), 0.7), torch.full((1, 1), -1.3)
    for place, t in enumerate(keep):
        assert torch.equal(short.q_sample(x_start, place, noise), whole.q_sample(x_start, t, noise))
        assert torch.equal(short.q_mean_variance(x_start, place).variance, whole.q_mean_variance(x_start, t).variance)


@given(schedule=schedules(), data=st.data())
def test_a_step_across_several_keeps_the_product_of_what_they_keep(
    schedule: NoiseSchedule, data: st.DataObject
) -> None:
    keep = sorted(data.draw(st.sets(st.integers(0, schedule.num_timesteps - 1), min_size=1)))
    edges = [0, *(t + 1 for t in keep)]
    products = [math.prod(1.0 - schedule.betas[a:b]) for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(1.0 - schedule.respace(keep).betas, products, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("var_type", list(ModelVarType))
def test_a_process_respaced_to_all_its_steps_takes_the_same_reverse_steps(var_type: ModelVarType) -> None:
    whole = GaussianDiffusion(cosine_schedule(9), model_var_type=var_type)
    again = whole.respace(list(range(9)))
    x, t = torch.linspace(-1.0, 1.0, 18).view(9, 2), torch.arange(9)
    ours, theirs = (d.p_mean_variance(two_heads(d), x, t) for d in (again, whole))
    assert torch.equal(ours.mean, theirs.mean)
    assert torch.equal(ours.log_variance, theirs.log_variance)


# Law 2: q(x_{t-1} | x_t, x_0) composed with q(x_t | x_0) gives q(x_{t-1} | x_0).


def composition(schedule: NoiseSchedule) -> None:
    abar, prev = schedule.alphas_cumprod, schedule.alphas_cumprod_prev
    c0, c1 = schedule.posterior_mean_coef1, schedule.posterior_mean_coef2
    close(c0 + c1 * np.sqrt(abar), np.sqrt(prev))
    close(schedule.posterior_variance + c1**2 * (1.0 - abar), 1.0 - prev)


@every_schedule
def test_posterior_after_marginal_is_the_marginal_of_the_step_below(schedule: NoiseSchedule) -> None:
    composition(schedule)


@given(schedule=schedules())
def test_posterior_after_marginal_is_the_marginal_of_the_step_below_in_any_chain(schedule: NoiseSchedule) -> None:
    composition(schedule)


@given(schedule=schedules(), x_start=st.floats(-1, 1))
def test_a_noisy_samples_posterior_mean_is_the_marginal_mean_below_where_there_is_no_noise(
    schedule: NoiseSchedule, x_start: float
) -> None:
    diffusion, x = GaussianDiffusion(schedule), torch.full((1, 1), x_start, dtype=torch.float64)
    for t in range(1, schedule.num_timesteps):
        x_t = diffusion.q_sample(x, t, torch.zeros_like(x))
        below = diffusion.q_mean_variance(x, t - 1).mean
        torch.testing.assert_close(diffusion.q_posterior(x, x_t, t).mean, below, rtol=1e-12, atol=1e-12)


@given(schedule=schedules())
def test_the_posterior_variance_is_at_most_beta_in_any_chain(schedule: NoiseSchedule) -> None:
    assert (schedule.posterior_variance <= schedule.betas).all()


@every_schedule
def test_the_posterior_variance_is_at_most_beta(schedule: NoiseSchedule) -> None:
    assert (schedule.posterior_variance <= schedule.betas).all()
    assert (schedule.posterior_variance[1:] > 0).all()


# Signal-to-noise ratios: coef1^2 / betatilde = SNR(t - 1) - SNR(t); beta / betatilde = sigma_t^2 / sigma_{t-1}^2.


@every_schedule
def test_the_weight_of_x_start_squared_over_the_posterior_variance_is_the_loss_of_snr(schedule: NoiseSchedule) -> None:
    snr = schedule.alphas_cumprod / (1.0 - schedule.alphas_cumprod)
    ratio = schedule.posterior_mean_coef1[1:] ** 2 / schedule.posterior_variance[1:]
    np.testing.assert_allclose(ratio / (snr[:-1] - snr[1:]), 1.0, rtol=0, atol=1e-12)


@every_schedule
def test_beta_over_the_posterior_variance_is_the_ratio_of_noise_variances(schedule: NoiseSchedule) -> None:
    noise = 1.0 - schedule.alphas_cumprod
    close(schedule.betas[1:] / schedule.posterior_variance[1:], noise[1:] / noise[:-1])


@every_schedule
def test_beta_is_the_noise_of_a_level_that_the_one_below_does_not_explain(schedule: NoiseSchedule) -> None:
    abar, prev = schedule.alphas_cumprod, schedule.alphas_cumprod_prev
    np.testing.assert_allclose(schedule.betas, (1.0 - abar) - abar / prev * (1.0 - prev), rtol=0, atol=1e-15)


# Law 12: a chain of one step works; every number of steps from 1 to T works.


def wavy(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.sin(1.3 * x + 0.1 * time.to(x.dtype).view(-1, *(1,) * (x.ndim - 1)))


def two_heads(diffusion: GaussianDiffusion) -> Network:
    def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        heads = [wavy(x, time), torch.tanh(x)]
        return torch.cat(heads[: diffusion.variance.heads], dim=1)

    return network


SHORT = {
    "cosine": cosine_schedule(1),
    "a beta": NoiseSchedule.from_betas([0.3]),
    "noisiest": linear_schedule(50).respace([49]),
    "cleanest": linear_schedule(50).respace([0]),
}


@pytest.mark.parametrize("schedule", SHORT.values(), ids=SHORT)
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_chain_of_one_step_returns_the_x_start_that_its_network_sees(schedule: NoiseSchedule, name: str) -> None:
    sampler = SAMPLERS.build(name, {}, diffusion=GaussianDiffusion(schedule))
    x = sampler.initial_noise((3, 2), seed=1).double()
    abar, label = float(schedule.alphas_cumprod[0]), torch.full((3,), int(schedule.timesteps[0]))
    expected = ((x - math.sqrt(1.0 - abar) * wavy(x, label)) / math.sqrt(abar)).clamp(-1.0, 1.0)
    torch.testing.assert_close(sampler.sample(wavy, (3, 2), noise=x), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("schedule", SHORT.values(), ids=SHORT)
@pytest.mark.parametrize("mean_type", list(ModelMeanType))
@pytest.mark.parametrize("var_type", list(ModelVarType))
def test_a_chain_of_one_step_has_losses_and_a_bound(
    schedule: NoiseSchedule, mean_type: ModelMeanType, var_type: ModelVarType
) -> None:
    diffusion = GaussianDiffusion(schedule, model_mean_type=mean_type, model_var_type=var_type)
    x_start = torch.linspace(-1.0, 1.0, 6).view(3, 2)
    for loss_type in LossType:
        losses = diffusion.replace(loss_type=loss_type).training_losses(
            two_heads(diffusion), x_start, torch.zeros(3).long()
        )
        assert bool(torch.isfinite(losses.loss).all())
    bound = calc_bpd_loop(diffusion, two_heads(diffusion), x_start)
    assert bound.vb.shape == (3, 1)
    assert bool(torch.isfinite(bound.total_bpd).all())


@pytest.mark.parametrize("spacing", list(SPACINGS))
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_every_number_of_steps_from_1_to_t_gives_samples_in_range(spacing: str, name: str) -> None:
    number, whole = 24, GaussianDiffusion(linear_schedule(24), model_var_type=ModelVarType.LEARNED_RANGE)
    network = two_heads(whole)
    for count in range(1, number + 1):
        sampler: Sampler = SAMPLERS.build(name, {}, diffusion=whole.respace(spaced(number, count, spacing)))
        states = list(sampler.trajectory(network, sampler.initial_noise((2, 1, 3), seed=count)))
        assert len(states) == count
        assert bool(torch.isfinite(states[-1].sample).all())
        assert float(states[-1].sample.abs().max()) <= 1.0


@given(schedule=schedules(), seed=st.integers(0, 1000))
def test_samples_of_any_chain_are_finite_and_in_range(schedule: NoiseSchedule, seed: int) -> None:
    for name in SAMPLERS:
        sampler: Sampler = SAMPLERS.build(name, {}, diffusion=GaussianDiffusion(schedule))
        x = sampler.sample(wavy, (2, 1, 3), seed=seed)
        assert bool(torch.isfinite(x).all())
        assert float(x.abs().max()) <= 1.0
