"""What the IDM notes say otherwise: the corrections in docs/idm-notes.md that no other law shows.

Expected values come from algebra on the betas; nothing is read from the tables under test.
"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from idm.core.tensors import append_dims
from idm.diffusion import GaussianDiffusion, LossType, ModelVarType
from idm.likelihood import calc_bpd_loop
from idm.samplers import SamplerDDIM, SamplerDDPM
from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule, spaced

SCHEDULES = {
    "linear 1000": linear_schedule(1000),
    "cosine 1000": cosine_schedule(1000),
    "cosine 4000": cosine_schedule(4000),
}
BETAS = np.array([0.1, 0.3, 0.2, 0.7])
ABAR = np.cumprod(1.0 - BETAS)
STEPS = range(len(BETAS))


def short(var_type: ModelVarType = ModelVarType.FIXED_LARGE, loss_type: LossType = LossType.MSE) -> GaussianDiffusion:
    return GaussianDiffusion(NoiseSchedule.from_betas(BETAS), model_var_type=var_type, loss_type=loss_type)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).uniform(-1.0, 1.0, shape))


def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.sin(1.3 * x) * (1.0 + 0.01 * append_dims(time, x.ndim))


def with_variance(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.cat([network(x, time), 0.4 * torch.cos(x)], dim=1)


# Losses.


def test_rescaled_mse_weighs_the_whole_bound_by_one_thousandth() -> None:
    x_start, noise = uniform(3, 1, 4), uniform(3, 1, 4, seed=5)

    def mean_term(loss_type: LossType) -> Tensor:
        """The weighted bound term of each sample, averaged over all steps."""
        process = short(ModelVarType.LEARNED_RANGE, loss_type)
        terms = [process.training_losses(with_variance, x_start, t, noise=noise).vb for t in STEPS]
        return torch.stack([term for term in terms if term is not None]).mean(0)

    # One term is the bound divided by T, on average over the steps.
    whole_bound = len(STEPS) * mean_term(LossType.KL)
    torch.testing.assert_close(mean_term(LossType.RESCALED_MSE), 0.001 * whole_bound, rtol=1e-12, atol=1e-15)


def test_losses_are_one_number_per_sample_whose_mean_is_that_of_torchs_mse_loss() -> None:
    x_start, noise = uniform(5, 2, 3, 3), uniform(5, 2, 3, 3, seed=5)
    t = torch.tensor([0, 1, 2, 3, 1])
    level = append_dims(torch.as_tensor(ABAR)[t], 4)
    x_t = level.sqrt() * x_start + (1.0 - level).sqrt() * noise
    terms = short().training_losses(network, x_start, t, noise=noise)
    assert terms.mse is not None
    assert terms.mse.shape == (5,)
    torch.testing.assert_close(terms.mse.mean(), nn.MSELoss()(network(x_t, t), noise), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize(
    ("schedule", "length"),
    [
        (linear_schedule(1000), 1000),
        (linear_schedule(250), 250),
        (cosine_schedule(1000), 1000),
        (cosine_schedule(4000), 4000),
        (cosine_schedule(4000).respace(spaced(4000, 10)), 4000),
    ],
    ids=["linear", "short linear", "cosine", "long cosine", "respaced cosine"],
)
def test_times_are_rescaled_on_request_for_every_schedule(schedule: NoiseSchedule, length: int, rescale: bool) -> None:
    seen: list[float] = []

    def model(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        seen.extend(time.tolist())
        return x

    diffusion = GaussianDiffusion(schedule, rescale_timesteps=rescale)
    diffusion.predict(model, torch.zeros(2, 1, 3), torch.tensor([0, schedule.num_timesteps - 1]))
    np.testing.assert_allclose(seen, [0.0, (length - 1) * (1000 / length if rescale else 1)], rtol=1e-6)


# Sampling.


def test_the_mask_of_the_last_step_has_ones_as_sizes_and_zero_as_value() -> None:
    t = torch.tensor([2, 0, 0])
    mask = append_dims(t != 0, 4)
    assert mask.shape == (3, 1, 1, 1)
    assert mask.flatten().tolist() == [True, False, False]
    assert torch.ones(3, 0, 0, 0).numel() == 0  # a tensor of shape (b, 0, 0, 0) has no values to multiply by
    x, sampler = uniform(3, 2, 4, 4), SamplerDDPM(short())
    noisy = sampler.p_sample(network, x, t, noise=torch.ones_like(x)).sample
    quiet = sampler.p_sample(network, x, t, noise=torch.zeros_like(x)).sample
    assert noisy.shape == x.shape
    assert [float(moved.abs().max()) > 0 for moved in noisy - quiet] == [True, False, False]


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_signal_and_noise_each_vanish_at_one_end_of_the_chain_only(name: str) -> None:
    schedule = SCHEDULES[name]
    signal, noise = schedule.sqrt_alphas_cumprod, schedule.sqrt_one_minus_alphas_cumprod
    np.testing.assert_allclose(signal**2 + noise**2, 1.0, rtol=1e-12)
    assert signal[0] > 0.999
    assert signal[-1] < 0.01
    assert noise[0] < 0.02
    assert noise[-1] > 0.999
    # The reciprocal tables are harmless where the noise vanishes, and large where the signal does.
    assert schedule.sqrt_recip_alphas_cumprod[0] < 1.001
    assert schedule.sqrt_recip_alphas_cumprod[-1] > 100.0


@pytest.mark.parametrize("name", list(SCHEDULES))
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_the_direct_form_of_eps_loses_nothing_against_the_reciprocal_one_in_float32(name: str, share: float) -> None:
    schedule = SCHEDULES[name]
    t = round(share * (schedule.num_timesteps - 1))
    abar = float(schedule.alphas_cumprod[t])
    generator = np.random.default_rng(3)
    x_start = generator.uniform(-1.0, 1.0, 4096).astype(np.float32)
    x_t = (math.sqrt(abar) * x_start + math.sqrt(1.0 - abar) * generator.normal(size=4096)).astype(np.float32)
    exact = (x_t.astype(np.float64) - math.sqrt(abar) * x_start.astype(np.float64)) / math.sqrt(1.0 - abar)
    direct = GaussianDiffusion(schedule).predict_eps_from_xstart(
        torch.as_tensor(x_t)[None], torch.tensor([t]), torch.as_tensor(x_start)[None]
    )
    recip, recipm1 = np.float32(math.sqrt(1.0 / abar)), np.float32(math.sqrt(1.0 / abar - 1.0))
    reciprocal = (recip * x_t - x_start) / recipm1
    error, other = (np.abs(found - exact).max() for found in (direct[0].numpy(), reciprocal))
    assert error <= 1.5 * other + 1e-7


def test_an_eta_above_one_is_taken_as_far_as_the_direction_term_reaches() -> None:
    # 1 - abar_{t-1} - eta^2 betatilde_t >= 0, that is eta^2 <= (1 - abar_t) / beta_t, at every step but the first.
    largest = math.sqrt(np.min((1.0 - ABAR[1:]) / BETAS[1:]))
    assert largest > 1.1
    sample = SamplerDDIM(short(), eta=largest - 1e-6).sample(network, (2, 1, 3))
    assert bool(torch.isfinite(sample).all())
    with pytest.raises(ValueError, match="eta"):
        SamplerDDIM(short(), eta=largest + 1e-6)


# Evaluation.


@pytest.mark.parametrize("clip", [False, True])
def test_the_bound_reads_eps_from_x_start_as_ddim_does(clip: bool) -> None:
    found = calc_bpd_loop(short(), network, uniform(3, 1, 4), clip_denoised=clip)
    snr = torch.as_tensor(ABAR / (1.0 - ABAR))
    torch.testing.assert_close(found.mse.double(), found.xstart_mse.double() * snr, rtol=1e-9, atol=1e-12)
