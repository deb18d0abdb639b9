"""The process's own promises: what the network is shown, what it must return, and how steps are given."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import (
    ContinuousDecoder,
    DiscretizedDecoder,
    ErrorCurve,
    GaussianDiffusion,
    LossType,
    ModelMeanType,
    ModelVarType,
    NetworkOutput,
)
from idm.likelihood import with_error_curve
from idm.networks import Autocast
from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule

BETAS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4])
ABAR = np.cumprod(1.0 - BETAS)
SHAPE = (6, 2, 3, 3)
GENERATOR = np.random.default_rng(0)
X_START, X, NOISE = (torch.as_tensor(GENERATOR.normal(size=SHAPE)) for _ in range(3))
STEPS = torch.arange(6)
shapes = pytest.mark.parametrize("shape", [(6, 2), (6, 1, 4), (6, 3, 2, 3), (6, 1, 2, 2, 2)])


def process(
    var_type: ModelVarType = ModelVarType.FIXED_LARGE, mean_type: ModelMeanType = ModelMeanType.EPSILON
) -> GaussianDiffusion:
    return GaussianDiffusion.from_betas(BETAS, model_var_type=var_type, model_mean_type=mean_type)


def two_heads(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
    return torch.cat([torch.sin(x), torch.tanh(x)], dim=1)


def column(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, 1, 1, 1)


# Forward process


def test_a_noisy_sample_is_signal_plus_noise() -> None:
    expected = np.sqrt(column(ABAR)) * X_START.numpy() + np.sqrt(1.0 - column(ABAR)) * NOISE.numpy()
    np.testing.assert_allclose(process().q_sample(X_START, STEPS, NOISE).numpy(), expected, rtol=0, atol=1e-14)


def test_the_marginal_has_the_moments_of_signal_plus_noise() -> None:
    marginal = process().q_mean_variance(X_START, STEPS)
    np.testing.assert_allclose(marginal.mean.numpy(), np.sqrt(column(ABAR)) * X_START.numpy(), rtol=1e-13)
    np.testing.assert_allclose(marginal.variance.numpy(), np.broadcast_to(1.0 - column(ABAR), SHAPE), rtol=1e-13)


def test_noise_is_drawn_standard_normal_where_none_is_given() -> None:
    torch.manual_seed(0)
    x_start = torch.zeros(1000, 1, 10, 10)
    drawn = process().q_sample(x_start, 3) / math.sqrt(1.0 - ABAR[3])
    assert abs(float(drawn.mean())) < 5.0 / math.sqrt(1e5)
    assert abs(float(drawn.var()) - 1.0) < 5.0 * math.sqrt(2e-5)


@pytest.mark.parametrize("t", [2, STEPS])
def test_noise_of_another_shape_is_refused(t: int | Tensor) -> None:
    with pytest.raises(SettingsError, match=r"noise: shape \(6, 2, 3, 3\) wanted, as x_start has, got \(6, 2, 3\)"):
        process().q_sample(X_START, t, NOISE[..., 0])
    with pytest.raises(SettingsError, match="noise: shape"):
        process().training_losses(lambda x, time: x, X_START, t, noise=NOISE[:1])


@pytest.mark.parametrize("t", range(6))
def test_the_posterior_maximises_the_product_of_the_two_steps_it_comes_from(t: int) -> None:
    """q(x_{t-1} | x_t, x_0) is proportional to q(x_t | x_{t-1}) q(x_{t-1} | x_0): precisions add."""
    posterior = process().q_posterior(X_START, X, t)
    if t == 0:
        assert torch.equal(posterior.mean, X_START)
        return
    prev, beta = ABAR[t - 1], BETAS[t]
    precision = (1.0 - beta) / beta + 1.0 / (1.0 - prev)
    weighted = math.sqrt(1.0 - beta) / beta * X.numpy() + math.sqrt(prev) / (1.0 - prev) * X_START.numpy()
    np.testing.assert_allclose(posterior.mean.numpy(), weighted / precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(posterior.variance.numpy(), 1.0 / precision, rtol=1e-12)


def test_noise_x_start_and_previous_mean_are_read_back_from_each_other() -> None:
    diffusion = process()
    x_t = diffusion.q_sample(X_START, STEPS, NOISE)
    mean = diffusion.q_posterior(X_START, x_t, STEPS).mean
    close = {"rtol": 0.0, "atol": 1e-12}
    torch.testing.assert_close(diffusion.predict_xstart_from_eps(x_t, STEPS, NOISE), X_START, **close)
    torch.testing.assert_close(diffusion.predict_eps_from_xstart(x_t, STEPS, X_START), NOISE, **close)
    torch.testing.assert_close(diffusion.predict_xstart_from_xprev(x_t, STEPS, mean), X_START, **close)


# What the network is shown


@pytest.mark.parametrize(("rescale", "expected"), [(False, [10, 50, 90]), (True, [50.0, 250.0, 450.0])])
def test_the_network_sees_original_step_numbers_or_their_share_of_1000(rescale: bool, expected: list[float]) -> None:
    diffusion = GaussianDiffusion(linear_schedule(200), rescale_timesteps=rescale).respace([10, 50, 90])
    assert diffusion.network_time(torch.arange(3), X).tolist() == expected
    assert diffusion.network_time(torch.tensor([2, 0]), X).tolist() == [expected[2], expected[0]]
    for t in range(3):
        assert diffusion.network_time(t, X).tolist() == [expected[t]] * 6


def test_respacing_twice_shows_the_network_the_numbers_of_the_first_chain() -> None:
    diffusion = GaussianDiffusion(linear_schedule(200)).respace([10, 50, 90]).respace([0, 2])
    assert diffusion.network_time(torch.arange(2), X).tolist() == [10, 90]


def test_conditioning_reaches_the_network_by_name() -> None:
    seen: dict[str, Tensor] = {}

    def witness(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        seen.update(conditioning)
        return x

    labels, image = torch.arange(6), torch.ones(SHAPE)
    process().predict(witness, X, 1, {"y": labels, "low_res": image})
    assert seen == {"y": labels, "low_res": image}


# What it must return


@pytest.mark.parametrize(("var_type", "heads"), [(kind, kind.value.heads) for kind in ModelVarType])
def test_a_learned_variance_needs_twice_the_channels(var_type: ModelVarType, heads: int) -> None:
    assert heads == (2 if "LEARNED" in var_type.name else 1)
    diffusion = process(var_type)
    assert diffusion.out_channels(3) == 3 * heads
    output = diffusion.predict(lambda x, time: torch.cat([x, 2.0 * x][:heads], dim=1), X, 1)
    assert torch.equal(output.prediction, X)
    assert (output.variance is None) == (heads == 1)
    assert output.variance is None or torch.equal(output.variance, 2.0 * X)


@pytest.mark.parametrize(("var_type", "channels", "wanted"), [("LEARNED_RANGE", 2, 4), ("FIXED_SMALL", 4, 2)])
def test_a_network_of_other_channels_is_refused_with_the_number_wanted(
    var_type: str, channels: int, wanted: int
) -> None:
    diffusion = process(ModelVarType[var_type])
    with pytest.raises(SettingsError, match=f"{wanted} output channels for 2 data channels, got {channels}"):
        diffusion.p_mean_variance(lambda x, time: torch.zeros(6, channels, 3, 3), X, 1)


@pytest.mark.parametrize("shape", [(6, 2, 3), (6, 2, 3, 1), (1, 2, 3, 3), (6,), (6, 2, 3, 3, 1)])
def test_a_network_that_changes_batch_or_sizes_is_refused_with_the_shape_wanted(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError) as refusal:
        process().p_mean_variance(lambda x, time: torch.zeros(shape), X, 1)
    assert f"an output of shape {tuple(X.shape)} wanted, got {shape}" in refusal.value.lines[0]


@dataclass
class Wrapped:
    """What networks of some libraries return."""

    sample: Tensor


@pytest.mark.parametrize(
    "wrap", [Wrapped, lambda x: (x,), lambda x: None, lambda x: {"sample": x}, lambda x: x.numpy()]
)
def test_an_output_that_is_no_tensor_is_refused_with_a_way_out(wrap: Callable[[Tensor], object]) -> None:
    def network(x: Tensor, time: Tensor, **conditioning: Tensor) -> Any:
        return wrap(x)

    labels = {"y": torch.zeros(6, dtype=torch.int64)}
    for model in (network, Autocast(network, torch.bfloat16)):
        with pytest.raises(SettingsError, match=r"^network: a tensor wanted as its output, got \w+; give a function"):
            process().predict(model, X, 1, labels)


def test_the_output_is_taken_in_the_datas_dtype() -> None:
    output = process().predict(lambda x, time: x.to(torch.bfloat16), X, 1)
    assert output.prediction.dtype == torch.float64


# Its reverse step


@shapes
@pytest.mark.parametrize("var_type", list(ModelVarType))
@pytest.mark.parametrize("t", [3, STEPS])
def test_every_part_of_a_reverse_step_has_the_shape_of_the_data(
    shape: tuple[int, ...], var_type: ModelVarType, t: int | Tensor
) -> None:
    diffusion, x = process(var_type), torch.ones(shape)
    step = diffusion.p_mean_variance(two_heads if diffusion.variance.heads == 2 else lambda x, time: x, x, t)
    for part in (step.mean, step.variance, step.log_variance, step.pred_xstart):
        assert part.shape == shape
        assert part.dtype == torch.float32


@pytest.mark.parametrize("mean_type", list(ModelMeanType))
@pytest.mark.parametrize("var_type", list(ModelVarType))
def test_a_step_per_sample_is_the_step_of_each_sample(mean_type: ModelMeanType, var_type: ModelVarType) -> None:
    diffusion = process(var_type, mean_type)
    output = NetworkOutput(torch.sin(X), torch.tanh(X))
    together = diffusion.interpret(output, X, STEPS)
    bound = diffusion.vb_bpd(together, X_START, X, STEPS)
    for t in range(6):
        row = slice(t, t + 1)
        alone = diffusion.interpret(NetworkOutput(torch.sin(X[row]), torch.tanh(X[row])), X[row], t)
        for name in ("mean", "variance", "log_variance", "pred_xstart"):
            torch.testing.assert_close(getattr(together, name)[row], getattr(alone, name), rtol=1e-12, atol=1e-12)
        term = diffusion.vb_bpd(alone, X_START[row], X[row], t)
        torch.testing.assert_close(bound[row], term, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mean_type", [kind for kind in ModelMeanType if kind is not ModelMeanType.PREVIOUS_X])
def test_the_mean_is_the_posteriors_at_the_clipped_x_start(mean_type: ModelMeanType) -> None:
    diffusion = process(mean_type=mean_type)
    step = diffusion.p_mean_variance(lambda x, time: 3.0 * torch.sin(x), X, STEPS)
    assert float(step.pred_xstart.abs().max()) == 1.0
    torch.testing.assert_close(step.mean, diffusion.q_posterior(step.pred_xstart, X, STEPS).mean, rtol=0, atol=1e-14)


def test_x_start_is_processed_before_it_is_clipped() -> None:
    diffusion = process(mean_type=ModelMeanType.START_X)
    arguments = {"denoised_fn": lambda x: 3.0 * x, "model": lambda x, time: torch.sin(x), "x_t": X, "t": 2}
    raw, clipped = (diffusion.p_mean_variance(**arguments, clip_denoised=clip).pred_xstart for clip in (False, True))
    np.testing.assert_allclose(raw.numpy(), 3.0 * np.sin(X.numpy()), rtol=1e-14)
    np.testing.assert_allclose(clipped.numpy(), np.clip(3.0 * np.sin(X.numpy()), -1.0, 1.0), rtol=1e-14)


def test_interpreting_does_not_change_the_output() -> None:
    output = NetworkOutput(2.0 * torch.sin(X), torch.tanh(X))
    before = output.prediction.clone(), output.variance.clone() if output.variance is not None else X
    process(ModelVarType.LEARNED_RANGE).interpret(output, X, STEPS)
    assert torch.equal(output.prediction, before[0])
    assert output.variance is not None
    assert torch.equal(output.variance, before[1])


# Copies


def test_a_copy_changes_what_is_named_and_keeps_the_rest() -> None:
    original = GaussianDiffusion(
        cosine_schedule(10),
        model_mean_type=ModelMeanType.V,
        model_var_type=ModelVarType.LEARNED_RANGE,
        loss_type=LossType.RESCALED_MSE,
        rescale_timesteps=True,
        decoder=ContinuousDecoder(),
    )
    copy = original.replace(model_mean_type=ModelMeanType.START_X)
    assert copy.prediction == ModelMeanType.START_X.value
    assert original.prediction == ModelMeanType.V.value
    for name in ("schedule", "variance", "objective", "rescale_timesteps", "decoder"):
        assert getattr(copy, name) is getattr(original, name)


def test_members_and_their_strategies_are_the_same_choice() -> None:
    by_name = process(ModelVarType.LEARNED_RANGE, ModelMeanType.V)
    by_value = GaussianDiffusion.from_betas(
        BETAS, model_var_type=ModelVarType.LEARNED_RANGE.value, model_mean_type=ModelMeanType.V.value
    )
    assert by_name.prediction == by_value.prediction
    assert by_name.variance == by_value.variance


def test_a_chain_of_betas_is_the_chain_of_their_schedule() -> None:
    np.testing.assert_array_equal(process().schedule.alphas_cumprod, NoiseSchedule.from_betas(BETAS).alphas_cumprod)


def test_steps_to_keep_may_come_from_any_iterable() -> None:
    whole = GaussianDiffusion(cosine_schedule(20))
    kept = whole.respace(step for step in range(0, 20, 5))
    assert kept.schedule.timesteps.tolist() == [0, 5, 10, 15]


@pytest.mark.parametrize("steps", [[0, 0, 0, 0], [3, 1, 2, 5], [0, 4, 0, 1]])
def test_bound_terms_of_mixed_steps_and_their_gradients_are_those_of_each_sample(steps: list[int]) -> None:
    diffusion = GaussianDiffusion(cosine_schedule(8), model_var_type=ModelVarType.LEARNED_RANGE)
    generator = torch.Generator().manual_seed(0)
    x_start, x_t = (torch.randn(4, 2, 3, generator=generator, dtype=torch.float64).clamp(-1, 1) for _ in range(2))
    head = torch.randn(4, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)

    def terms(rows: slice, t: int | torch.Tensor) -> torch.Tensor:
        output = NetworkOutput(head[rows, :2], head[rows, 2:])
        return diffusion.vb_bpd(diffusion.interpret(output, x_t[rows], t), x_start[rows], x_t[rows], t)

    together = terms(slice(None), torch.tensor(steps))
    alone = torch.cat([terms(slice(i, i + 1), t) for i, t in enumerate(steps)])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(values.sum(), head)[0] for values in (together, alone)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-12, atol=1e-12)


def test_processes_and_schedules_are_written_in_a_line():
    schedule = cosine_schedule(1000).respace(range(0, 1000, 20))
    last = (math.cos(0.989 / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    assert repr(schedule) == f"NoiseSchedule(50 of 1,000 steps, abar from 1 to {last:.4g})"
    process = GaussianDiffusion(
        schedule,
        model_mean_type=ModelMeanType.V,
        model_var_type=ModelVarType.LEARNED_RANGE,
        loss_type=LossType.RESCALED_MSE,
        rescale_timesteps=True,
        decoder=DiscretizedDecoder(17),
    )
    assert repr(process) == (
        f"GaussianDiffusion({schedule}, v, learned_range, rescaled_mse, times in [0, 1,000), "
        "DiscretizedDecoder(levels=17, reference_cdf=False))"
    )
    log_kappa = tuple(float(number) for number in np.linspace(-3.0, 2.0, 32))
    curve = ErrorCurve(log_kappa, tuple(math.exp(value) for value in log_kappa), (None,) * 32)
    assert repr(curve) == "ErrorCurve(32 levels, kappa 0.0498 to 7.39, errors 0.0498 to 7.39)"
    assert repr(ErrorCurve.at_one(0.1, 0.05)) == "ErrorCurve(1 level, kappa 0.1, errors 0.05)"
    assert repr(curve) in repr(with_error_curve(process, curve))
    assert len(repr(with_error_curve(process, curve))) < 400
