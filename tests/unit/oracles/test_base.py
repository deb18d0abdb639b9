"""What every oracle promises, whatever it knows the data to be: exact outputs in the process's own terms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType
from idm.oracles import EmpiricalDenoiser, EnumeratedDenoiser, ExactDenoiser, GaussianDenoiser, MixtureDenoiser
from idm.samplers import SAMPLERS
from idm.schedules import cosine_schedule, linear_schedule, spaced

GENERATOR = np.random.default_rng(0)
SHAPE = (2, 2)  # channels, length
POINTS = torch.as_tensor(GENERATOR.uniform(-1.0, 1.0, (6, *SHAPE)))
MEAN = torch.as_tensor(GENERATOR.uniform(-0.5, 0.5, SHAPE))
VARIANCE = torch.as_tensor(GENERATOR.uniform(0.05, 1.5, SHAPE))
WEIGHTS = torch.as_tensor(GENERATOR.uniform(0.1, 1.0, 6))
SPREADS = torch.as_tensor(GENERATOR.uniform(0.0, 0.3, 6))

Build = Callable[[GaussianDiffusion], ExactDenoiser]
ORACLES: dict[str, Build] = {
    "gaussian": lambda diffusion: GaussianDenoiser(diffusion, MEAN, VARIANCE),
    "mixture": lambda diffusion: MixtureDenoiser(diffusion, WEIGHTS, POINTS, SPREADS),
    "enumerated": lambda diffusion: EnumeratedDenoiser(diffusion, POINTS, WEIGHTS),
    "empirical": lambda diffusion: EmpiricalDenoiser(diffusion, POINTS),
}
every_oracle = pytest.mark.parametrize("build", ORACLES.values(), ids=ORACLES)
every_prediction = pytest.mark.parametrize("mean_type", list(ModelMeanType))
SCHEDULE = linear_schedule(1000).respace(spaced(1000, 7))
X = torch.as_tensor(GENERATOR.normal(size=(7, *SHAPE)))
STEPS = torch.arange(7)


def process(
    mean_type: ModelMeanType = ModelMeanType.EPSILON,
    var_type: ModelVarType = ModelVarType.FIXED_SMALL,
    rescale_timesteps: bool = False,
) -> GaussianDiffusion:
    return GaussianDiffusion(
        SCHEDULE, model_mean_type=mean_type, model_var_type=var_type, rescale_timesteps=rescale_timesteps
    )


def denoised(build: Build, x: Tensor, t: int | Tensor) -> Tensor:
    """E[x_0 | x_t] as the oracle says it in the plainest prediction type."""
    diffusion = process(ModelMeanType.START_X)
    return diffusion.predict(build(diffusion), x, t).prediction


def remaining(build: Build, x: Tensor, t: int) -> np.ndarray:
    """Var(x_0 | x_t) per element from the slope of the denoiser: (sigma^2 / alpha) d E[x_0 | x_t]_i / d x_i."""
    abar = float(SCHEDULE.alphas_cumprod[t])
    jacobian = torch.autograd.functional.jacobian(lambda row: denoised(build, row[None], t)[0], x)
    size = math.prod(SHAPE)
    slopes = torch.as_tensor(jacobian).reshape(size, size).diagonal().view(SHAPE)
    return (1.0 - abar) / math.sqrt(abar) * slopes.numpy()


# The variance is the one that Tweedie's formula ties to the mean.


@every_oracle
@pytest.mark.parametrize("t", range(7))
def test_mean_and_variance_of_x_start_are_tied_by_the_slope_of_the_mean(build: Build, t: int) -> None:
    diffusion = process()
    oracle = build(diffusion)
    for x in (X[t], 3.0 * X[t]):
        moments = oracle.x_start_moments(x[None], diffusion.schedule.level(torch.tensor([t]), x[None]), {})
        np.testing.assert_allclose(moments.variance[0].numpy(), remaining(build, x, t), rtol=1e-8, atol=1e-13)
        assert bool((moments.variance >= 0).all())


@every_oracle
@pytest.mark.parametrize("var_type", [ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE])
@pytest.mark.parametrize("t", range(7))
def test_a_learned_variance_is_the_variance_of_the_step_below_given_x_t(
    build: Build, var_type: ModelVarType, t: int
) -> None:
    """By total variance: betatilde + c0^2 Var(x_0 | x_t); Var(x_0 | x_1) alone at step 0."""
    diffusion = process(var_type=var_type)
    step = diffusion.p_mean_variance(build(diffusion), X[t : t + 1], t)
    abar, prev = (float(table[t]) for table in (SCHEDULE.alphas_cumprod, SCHEDULE.alphas_cumprod_prev))
    beta = 1.0 - abar / prev
    c0 = math.sqrt(prev) * beta / (1.0 - abar)
    expected = beta * (1.0 - prev) / (1.0 - abar) + c0**2 * remaining(build, X[t], t)
    np.testing.assert_allclose(step.variance[0].numpy(), np.maximum(expected, 1e-12), rtol=1e-6, atol=1e-14)


@every_oracle
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_as_a_denoiser_it_tells_mean_and_variance_at_levels_on_the_grid_and_beside_it(
    build: Build, dtype: torch.dtype
) -> None:
    diffusion, x = process(), X.to(dtype)
    oracle = build(diffusion)
    for at in (diffusion.grid.level(STEPS, x), diffusion.grid.at_ratio(0.8, x)):
        found = oracle.denoiser()(x, at)
        expected = oracle.x_start_moments(x.double(), at.map(lambda values: values.double()), {})
        assert found.variance is not None
        for ours, theirs in ((found.x_start, expected.mean), (found.variance, expected.variance)):
            torch.testing.assert_close(ours, theirs.to(dtype), rtol=0, atol=0)


# In the process's own terms


@every_oracle
@every_prediction
@pytest.mark.parametrize("var_type", list(ModelVarType))
def test_every_prediction_type_says_the_same_x_start(
    build: Build, mean_type: ModelMeanType, var_type: ModelVarType
) -> None:
    diffusion = process(mean_type, var_type)
    step = diffusion.p_mean_variance(build(diffusion), X, STEPS, clip_denoised=False)
    torch.testing.assert_close(step.pred_xstart, denoised(build, X, STEPS), rtol=0, atol=1e-10)
    torch.testing.assert_close(
        step.mean, diffusion.q_posterior(denoised(build, X, STEPS), X, STEPS).mean, rtol=0, atol=1e-11
    )


@every_oracle
@pytest.mark.parametrize("var_type", list(ModelVarType))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_output_has_the_channels_dtype_and_shape_of_a_networks(
    build: Build, var_type: ModelVarType, dtype: torch.dtype
) -> None:
    diffusion = process(var_type=var_type)
    x = X.to(dtype)
    output = build(diffusion)(x, diffusion.network_time(STEPS, x))
    assert output.dtype == dtype
    assert output.shape == (7, diffusion.out_channels(2), 2)


@every_oracle
@every_prediction
def test_float32_data_get_the_float64_answer_rounded(build: Build, mean_type: ModelMeanType) -> None:
    diffusion = process(mean_type, ModelVarType.LEARNED_RANGE)
    oracle, x = build(diffusion), X.float()
    time = diffusion.network_time(STEPS, x)
    assert torch.equal(oracle(x, time), oracle(x.double(), time).float())


@every_oracle
def test_a_sample_is_answered_alone_as_in_company(build: Build) -> None:
    together = denoised(build, X, STEPS)
    for t in range(7):
        torch.testing.assert_close(denoised(build, X[t : t + 1], t), together[t : t + 1], rtol=0, atol=1e-13)


@every_oracle
def test_answers_are_finite_however_far_off_the_sample_is(build: Build) -> None:
    diffusion = process(var_type=ModelVarType.LEARNED)
    for scale in (0.0, 1e2, 1e4):
        output = build(diffusion)(scale * X, diffusion.network_time(STEPS, X))
        assert bool(torch.isfinite(output).all())


# Network times


@every_oracle
@pytest.mark.parametrize("rescale", [False, True])
def test_times_are_read_as_the_process_writes_them(build: Build, rescale: bool) -> None:
    diffusion = process(ModelMeanType.START_X, rescale_timesteps=rescale)
    order = torch.tensor([6, 0, 3, 3, 1])
    ours = diffusion.predict(build(diffusion), X[order], order).prediction
    torch.testing.assert_close(ours, denoised(build, X, STEPS)[order], rtol=0, atol=1e-13)


@pytest.mark.parametrize("number", [100, 4000])
def test_every_step_of_a_long_chain_is_told_from_its_neighbours(number: int) -> None:
    diffusion = GaussianDiffusion(
        cosine_schedule(number), model_mean_type=ModelMeanType.START_X, rescale_timesteps=True
    )
    one = torch.ones(1, dtype=torch.float64)
    x = torch.ones(number, 1, dtype=torch.float64)
    seen = GaussianDenoiser(diffusion, 0.0 * one, one)(x, diffusion.network_time(torch.arange(number), x))
    # E[x_0 | x_t] = alpha x_t for standard normal data.
    np.testing.assert_allclose(seen[:, 0].numpy(), np.sqrt(diffusion.schedule.alphas_cumprod), rtol=1e-12)


@every_oracle
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float32, torch.float64])
def test_times_may_have_any_dtype_and_be_expanded(build: Build, dtype: torch.dtype) -> None:
    diffusion = process(ModelMeanType.START_X)
    time = torch.tensor([int(SCHEDULE.timesteps[4])], dtype=dtype).expand(7)
    torch.testing.assert_close(build(diffusion)(X, time), denoised(build, X, 4), rtol=0, atol=1e-13)


@every_oracle
def test_an_oracle_of_a_chain_serves_every_respacing_of_it(build: Build) -> None:
    whole = process(ModelMeanType.START_X)
    ours = whole.respace([1, 5]).predict(build(whole), X[:2], torch.tensor([1, 0])).prediction
    torch.testing.assert_close(ours, denoised(build, X[:2], torch.tensor([5, 1])), rtol=0, atol=1e-13)


@pytest.mark.parametrize("time", [-1.0, 1.0, 501.0, 2000.0, math.nan])
def test_a_time_of_no_step_is_refused(time: float) -> None:
    with pytest.raises(SettingsError, match=r"time: network times of the 7 steps .* build the oracle on the process"):
        ORACLES["gaussian"](process())(X, torch.full((7,), time))


def test_a_chain_of_one_step_has_an_oracle() -> None:
    diffusion = GaussianDiffusion(linear_schedule(100).respace([60]), model_var_type=ModelVarType.LEARNED)
    for build in ORACLES.values():
        sampler = SAMPLERS.build("ddpm", {}, diffusion=diffusion)
        assert bool(torch.isfinite(sampler.sample(build(diffusion), (3, *SHAPE))).all())


# What is refused


@every_oracle
@pytest.mark.parametrize("conditioning", [{"y": torch.zeros(7).long()}, {"low_res": X}])
def test_conditioning_that_the_data_do_not_have_is_refused(build: Build, conditioning: dict[str, Tensor]) -> None:
    diffusion = process()
    with pytest.raises(SettingsError, match=f"conditioning: none wanted.*{next(iter(conditioning))}"):
        diffusion.predict(build(diffusion), X, STEPS, conditioning)


@every_oracle
@pytest.mark.parametrize("shape", [(7, 2, 3), (7, 3, 2), (7, 1, 1), (7, 2)])
def test_data_of_another_shape_are_refused(build: Build, shape: tuple[int, ...]) -> None:
    diffusion = process()
    with pytest.raises((SettingsError, RuntimeError)):
        diffusion.predict(build(diffusion), torch.zeros(shape), STEPS)


@pytest.mark.parametrize("name", list(SAMPLERS))
@every_oracle
def test_every_sampler_runs_on_every_oracle(name: str, build: Build) -> None:
    diffusion = process(var_type=ModelVarType.LEARNED_RANGE)
    sample = SAMPLERS.build(name, {}, diffusion=diffusion).sample(build(diffusion), (4, *SHAPE))
    assert bool(torch.isfinite(sample).all())
