"""DDIM steps against Song, Meng & Ermon 2021, eq. 12 and 16, in numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, ModelVarType
from idm.samplers import DDIMClipping, SamplerDDIM
from idm.schedules import NoiseSchedule

BETAS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4])
ABAR = np.cumprod(1.0 - BETAS)
ABAR_PREV, ABAR_NEXT = np.append(1.0, ABAR[:-1]), np.append(ABAR[1:], 0.0)
DIFFUSION = GaussianDiffusion(NoiseSchedule.from_betas(BETAS))
SHAPE = (6, 2, 3, 3)
GENERATOR = np.random.default_rng(1)
X, NOISE = (torch.as_tensor(GENERATOR.normal(size=SHAPE)) for _ in range(2))


def sine(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.sin(1.7 * x)


def predicted(x: np.ndarray, t: int, clipping: DDIMClipping) -> tuple[np.ndarray, np.ndarray]:
    """x_0 and eps of the network above under a convention, from the conventions' definitions."""
    eps = np.sin(1.7 * x)
    raw = (x - np.sqrt(1.0 - ABAR[t]) * eps) / np.sqrt(ABAR[t])
    clipped = np.clip(raw, -1.0, 1.0)
    if clipping is DDIMClipping.NONE:
        return raw, eps
    if clipping is DDIMClipping.KEEP_EPS:
        return clipped, eps
    return clipped, (x - np.sqrt(ABAR[t]) * clipped) / np.sqrt(1.0 - ABAR[t])


def one_step(x: np.ndarray, noise: np.ndarray, t: int, eta: float, clipping: DDIMClipping) -> np.ndarray:
    x_start, eps = predicted(x, t, clipping)
    sigma = eta * np.sqrt((1.0 - ABAR_PREV[t]) / (1.0 - ABAR[t])) * np.sqrt(1.0 - ABAR[t] / ABAR_PREV[t])
    return np.sqrt(ABAR_PREV[t]) * x_start + np.sqrt(1.0 - ABAR_PREV[t] - sigma**2) * eps + sigma * noise


@pytest.mark.parametrize("clipping", list(DDIMClipping))
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("t", [0, 1, 3, 5])
def test_a_step_is_equation_12_under_each_clipping_convention(t: int, eta: float, clipping: DDIMClipping) -> None:
    step = SamplerDDIM(DIFFUSION, eta=eta, clipping=clipping).ddim_sample(sine, X, t, noise=NOISE)
    expected = one_step(X.numpy(), NOISE.numpy(), t, eta, clipping)
    np.testing.assert_allclose(step.sample.numpy(), expected, rtol=0, atol=1e-12)
    assert step.pred_xstart is not None
    np.testing.assert_allclose(step.pred_xstart.numpy(), predicted(X.numpy(), t, clipping)[0], rtol=0, atol=1e-12)


def test_the_conventions_differ_where_x_start_is_clipped() -> None:
    steps = [one_step(X.numpy(), NOISE.numpy(), 3, 0.0, clipping) for clipping in DDIMClipping]
    ours = [
        SamplerDDIM(DIFFUSION, clipping=clipping).ddim_sample(sine, X, 3).sample.numpy() for clipping in DDIMClipping
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        gap = np.abs(steps[first] - steps[second]).max()
        assert gap > 0.01
        np.testing.assert_allclose(np.abs(ours[first] - ours[second]).max(), gap, rtol=1e-9)


@pytest.mark.parametrize("clipping", list(DDIMClipping))
def test_no_convention_matters_where_nothing_is_clipped(clipping: DDIMClipping) -> None:
    off = SamplerDDIM(DIFFUSION, clip_denoised=False, clipping=clipping).ddim_sample(sine, X, 4)
    expected = one_step(X.numpy(), NOISE.numpy(), 4, 0.0, DDIMClipping.NONE)
    np.testing.assert_allclose(off.sample.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("clipping", list(DDIMClipping))
def test_denoised_fn_acts_before_clipping_and_kept_eps_does_not_see_it(clipping: DDIMClipping) -> None:
    x, t = X.numpy(), 3
    eps = np.sin(1.7 * x)
    x_start = 3.0 * (x - np.sqrt(1.0 - ABAR[t]) * eps) / np.sqrt(ABAR[t]) - 0.5
    if clipping is not DDIMClipping.NONE:
        x_start = np.clip(x_start, -1.0, 1.0)
    if clipping is not DDIMClipping.KEEP_EPS:
        eps = (x - np.sqrt(ABAR[t]) * x_start) / np.sqrt(1.0 - ABAR[t])
    expected = np.sqrt(ABAR_PREV[t]) * x_start + np.sqrt(1.0 - ABAR_PREV[t]) * eps
    sampler = SamplerDDIM(DIFFUSION, clipping=clipping, denoised_fn=lambda value: 3.0 * value - 0.5)
    np.testing.assert_allclose(sampler.ddim_sample(sine, X, t).sample.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_a_step_per_sample_is_the_step_of_each_sample(eta: float) -> None:
    sampler, steps = SamplerDDIM(DIFFUSION, eta=eta), [0, 3, 0, 5, 1, 4]
    together = sampler.ddim_sample(sine, X, torch.tensor(steps), noise=NOISE).sample
    for i, t in enumerate(steps):
        alone = sampler.ddim_sample(sine, X[i : i + 1], t, noise=NOISE[i : i + 1]).sample
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_the_last_step_returns_x_start_whatever_eta_is(eta: float) -> None:
    step = SamplerDDIM(DIFFUSION, eta=eta).ddim_sample(sine, X, 0, noise=NOISE)
    expected = predicted(X.numpy(), 0, DDIMClipping.REDERIVE)[0]
    np.testing.assert_allclose(step.sample.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("var_type", [ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_models_variance_plays_no_part(var_type: ModelVarType, eta: float) -> None:
    def two_heads(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.cat([sine(x, time), 5.0 * torch.cos(x)], dim=1)

    learned = SamplerDDIM(DIFFUSION.replace(model_var_type=ModelVarType.LEARNED), eta=eta)
    fixed = SamplerDDIM(DIFFUSION.replace(model_var_type=var_type), eta=eta)
    torch.testing.assert_close(
        learned.sample(two_heads, SHAPE, noise=X, seed=4), fixed.sample(sine, SHAPE, noise=X, seed=4), rtol=0, atol=0
    )


@pytest.mark.parametrize("clipping", list(DDIMClipping))
@pytest.mark.parametrize("t", [0, 2, 5])
def test_a_reverse_step_carries_x_start_and_eps_one_level_up(t: int, clipping: DDIMClipping) -> None:
    x_start, eps = predicted(X.numpy(), t, clipping)
    expected = np.sqrt(ABAR_NEXT[t]) * x_start + np.sqrt(1.0 - ABAR_NEXT[t]) * eps
    step = SamplerDDIM(DIFFUSION, clipping=clipping).ddim_reverse_sample(sine, X, t)
    np.testing.assert_allclose(step.sample.numpy(), expected, rtol=0, atol=1e-12)


def test_a_reverse_step_per_sample_is_the_reverse_step_of_each_sample() -> None:
    sampler, steps = SamplerDDIM(DIFFUSION), [0, 3, 0, 5, 1, 4]
    together = sampler.ddim_reverse_sample(sine, X, torch.tensor(steps)).sample
    for i, t in enumerate(steps):
        alone = sampler.ddim_reverse_sample(sine, X[i : i + 1], t).sample
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("t", [0, 1, 3])
def test_one_step_up_and_one_down_is_the_identity_for_a_constant_eps(t: int) -> None:
    def constant(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        return torch.full_like(x, 0.37)

    sampler = SamplerDDIM(DIFFUSION, clip_denoised=False)
    up = sampler.ddim_reverse_sample(constant, X, t).sample
    torch.testing.assert_close(sampler.ddim_sample(constant, up, t + 1).sample, X, rtol=0, atol=1e-12)


def test_a_reverse_step_wants_eta_zero() -> None:
    with pytest.raises(SettingsError, match=r"eta: 0 wanted .* got 0\.5"):
        SamplerDDIM(DIFFUSION, eta=0.5).ddim_reverse_sample(sine, X, 2)


@pytest.mark.parametrize("eta", [3.0, -0.1, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("keep", [[5], [0, 5], [0, 1, 2, 3, 4, 5]])
def test_an_eta_that_no_step_could_take_is_refused(eta: float, keep: list[int]) -> None:
    with pytest.raises(SettingsError, match=rf"eta: a number from 0 .* to 1 .* wanted, got {eta}"):
        SamplerDDIM(DIFFUSION.respace(keep), eta=eta)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_every_eta_from_0_to_1_samples_finite_numbers(eta: float) -> None:
    assert bool(torch.isfinite(SamplerDDIM(DIFFUSION, eta=eta).sample(sine, SHAPE, seed=6)).all())


def test_sample_loop_is_sample() -> None:
    sampler = SamplerDDIM(DIFFUSION, eta=0.5)
    ours = sampler.sample_loop(sine, SHAPE, noise=X, seed=[5, 3, 1, 0, 2, 9])
    torch.testing.assert_close(ours, sampler.sample(sine, SHAPE, noise=X, seed=[5, 3, 1, 0, 2, 9]), rtol=0, atol=0)
