"""Ancestral steps against the formulas of Ho et al. 2020 in numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.samplers import SamplerDDPM
from idm.schedules import NoiseSchedule

BETAS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4])
ABAR = np.cumprod(1.0 - BETAS)
ABAR_PREV = np.append(1.0, ABAR[:-1])
POSTERIOR = BETAS * (1.0 - ABAR_PREV) / (1.0 - ABAR)
SHAPE = (6, 2, 3, 3)
GENERATOR = np.random.default_rng(0)
X, NOISE = (torch.as_tensor(GENERATOR.normal(size=SHAPE)) for _ in range(2))


def sine(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.sin(1.7 * x)


def sine_and_tanh(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.cat([torch.sin(1.7 * x), torch.tanh(x)], dim=1)


def posterior_mean(x_start: np.ndarray, x: np.ndarray, t: int) -> np.ndarray:
    """Ho et al. 2020, eq. 7."""
    of_start = np.sqrt(ABAR_PREV[t]) * BETAS[t] / (1.0 - ABAR[t])
    of_x = np.sqrt(1.0 - BETAS[t]) * (1.0 - ABAR_PREV[t]) / (1.0 - ABAR[t])
    return of_start * x_start + of_x * x


def diffusion(var_type: ModelVarType, mean_type: ModelMeanType = ModelMeanType.EPSILON) -> GaussianDiffusion:
    return GaussianDiffusion(NoiseSchedule.from_betas(BETAS), model_mean_type=mean_type, model_var_type=var_type)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("t", [1, 3, 5])
@pytest.mark.parametrize(
    ("var_type", "variance"), [(ModelVarType.FIXED_SMALL, POSTERIOR), (ModelVarType.FIXED_LARGE, BETAS)]
)
def test_a_step_is_posterior_mean_plus_std_times_noise(
    var_type: ModelVarType, variance: np.ndarray, t: int, clip: bool
) -> None:
    x, noise = X.numpy(), NOISE.numpy()
    x_start = (x - np.sqrt(1.0 - ABAR[t]) * np.sin(1.7 * x)) / np.sqrt(ABAR[t])
    x_start = np.clip(x_start, -1.0, 1.0) if clip else x_start
    expected = posterior_mean(x_start, x, t) + np.sqrt(variance[t]) * noise
    step = SamplerDDPM(diffusion(var_type), clip_denoised=clip).p_sample(sine, X, t, noise=NOISE)
    np.testing.assert_allclose(step.sample.numpy(), expected, rtol=0, atol=1e-12)
    assert step.pred_xstart is not None
    np.testing.assert_allclose(step.pred_xstart.numpy(), x_start, rtol=0, atol=1e-12)


@pytest.mark.parametrize("t", [1, 4])
def test_a_learned_log_variance_scales_the_noise_by_exp_of_half_of_it(t: int) -> None:
    model = SamplerDDPM(diffusion(ModelVarType.LEARNED))
    with_noise = model.p_sample(sine_and_tanh, X, t, noise=NOISE).sample
    without = model.p_sample(sine_and_tanh, X, t, noise=torch.zeros_like(X)).sample
    expected = np.exp(0.5 * np.tanh(X.numpy())) * NOISE.numpy()
    np.testing.assert_allclose((with_noise - without).numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("var_type", [ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE])
def test_the_last_step_returns_the_clipped_x_start_without_noise(var_type: ModelVarType) -> None:
    x = X.numpy()
    x_start = np.clip((x - np.sqrt(1.0 - ABAR[0]) * np.sin(1.7 * x)) / np.sqrt(ABAR[0]), -1.0, 1.0)
    step = SamplerDDPM(diffusion(var_type)).p_sample(sine, X, 0, noise=NOISE)
    np.testing.assert_allclose(step.sample.numpy(), x_start, rtol=0, atol=1e-12)


@pytest.mark.parametrize("var_type", [ModelVarType.FIXED_LARGE, ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE])
def test_a_step_per_sample_is_the_step_of_each_sample_with_noise_masked_at_zero(var_type: ModelVarType) -> None:
    process = diffusion(var_type)
    sampler, model = SamplerDDPM(process), sine_and_tanh if process.variance.heads == 2 else sine
    steps = [0, 3, 0, 5, 1, 0]
    together = sampler.p_sample(model, X, torch.tensor(steps), noise=NOISE).sample
    for i, t in enumerate(steps):
        alone = sampler.p_sample(model, X[i : i + 1], t, noise=NOISE[i : i + 1]).sample
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-12)


def test_clipping_leaves_the_mean_of_a_previous_x_prediction_alone() -> None:
    process = diffusion(ModelVarType.FIXED_SMALL, ModelMeanType.PREVIOUS_X)
    step = SamplerDDPM(process).p_sample(lambda x, time: 10.0 * torch.sin(x), X, 2, noise=torch.zeros_like(X))
    np.testing.assert_allclose(step.sample.numpy(), 10.0 * np.sin(X.numpy()), rtol=0, atol=1e-12)
    assert step.pred_xstart is not None
    assert float(step.pred_xstart.abs().max()) == 1.0


def test_denoised_fn_acts_on_x_start_before_clipping() -> None:
    sampler = SamplerDDPM(diffusion(ModelVarType.FIXED_SMALL), denoised_fn=lambda x_start: 3.0 * x_start - 0.5)
    x, t = X.numpy(), 3
    raw = (x - np.sqrt(1.0 - ABAR[t]) * np.sin(1.7 * x)) / np.sqrt(ABAR[t])
    expected = posterior_mean(np.clip(3.0 * raw - 0.5, -1.0, 1.0), x, t)
    step = sampler.p_sample(sine, X, t, noise=torch.zeros_like(X))
    np.testing.assert_allclose(step.sample.numpy(), expected, rtol=0, atol=1e-12)


def test_p_sample_loop_is_sample() -> None:
    sampler = SamplerDDPM(diffusion(ModelVarType.FIXED_LARGE))
    ours = sampler.p_sample_loop(sine, SHAPE, noise=X, seed=[5, 3, 1, 0, 2, 9])
    torch.testing.assert_close(ours, sampler.sample(sine, SHAPE, noise=X, seed=[5, 3, 1, 0, 2, 9]), rtol=0, atol=0)
