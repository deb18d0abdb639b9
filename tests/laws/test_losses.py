"""Losses: what each is the sum of, which head each term trains, and the values that no network can beat."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.types import Network
from idm.diffusion import GaussianDiffusion, LossType, ModelMeanType, ModelVarType, Objective
from idm.likelihood import calc_bpd_loop
from idm.oracles import GaussianDenoiser
from idm.schedules import NoiseSchedule, linear_schedule, spaced

NUM_TIMESTEPS = 6
SCHEDULE = linear_schedule(600).respace(spaced(600, NUM_TIMESTEPS))
STEPS = torch.arange(NUM_TIMESTEPS)
GENERATOR = np.random.default_rng(1)
X_START = torch.as_tensor(GENERATOR.integers(0, 256, (NUM_TIMESTEPS, 2, 3)) / 127.5 - 1.0)
NOISE, MEAN_HEAD, VARIANCE_HEAD = (torch.as_tensor(GENERATOR.normal(size=X_START.shape)) for _ in range(3))

every_prediction = pytest.mark.parametrize("mean_type", list(ModelMeanType))
learned = pytest.mark.parametrize("var_type", [ModelVarType.LEARNED, ModelVarType.LEARNED_RANGE])
fixed = pytest.mark.parametrize("var_type", [ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE])
hybrid = pytest.mark.parametrize("loss_type", [LossType.MSE, LossType.RESCALED_MSE])
bound = pytest.mark.parametrize("loss_type", [LossType.KL, LossType.RESCALED_KL])


def process(mean_type: ModelMeanType, var_type: ModelVarType, loss_type: LossType) -> GaussianDiffusion:
    return GaussianDiffusion(SCHEDULE, model_mean_type=mean_type, model_var_type=var_type, loss_type=loss_type)


def says(*heads: Tensor) -> Network:
    """A network that says the same whatever it is shown."""
    return lambda x, time, **conditioning: torch.cat(heads, dim=1)


def leaves() -> tuple[Tensor, Tensor]:
    return MEAN_HEAD.clone().requires_grad_(), VARIANCE_HEAD.clone().requires_grad_()


def gradient(value: Tensor, leaf: Tensor) -> Tensor:
    return torch.autograd.grad(value.sum(), leaf, retain_graph=True, materialize_grads=True)[0]


# Law 5: the bound term of the hybrid loss has no gradient in the mean head.


@every_prediction
@learned
@hybrid
def test_the_bound_term_of_the_hybrid_loss_does_not_move_the_mean(
    mean_type: ModelMeanType, var_type: ModelVarType, loss_type: LossType
) -> None:
    mean, variance = leaves()
    losses = process(mean_type, var_type, loss_type).training_losses(says(mean, variance), X_START, STEPS, noise=NOISE)
    assert losses.vb is not None
    assert losses.mse is not None
    assert torch.equal(gradient(losses.vb, mean), torch.zeros_like(mean))
    assert torch.equal(gradient(losses.mse, variance), torch.zeros_like(variance))
    assert torch.equal(gradient(losses.loss, mean), gradient(losses.mse, mean))
    assert torch.equal(gradient(losses.loss, variance), gradient(losses.vb, variance))
    assert bool((gradient(losses.vb, variance) != 0).flatten(1).any(1).all())
    assert bool((gradient(losses.mse, mean) != 0).flatten(1).any(1).all())


@every_prediction
@learned
@bound
def test_where_the_bound_is_the_loss_it_moves_mean_and_variance(
    mean_type: ModelMeanType, var_type: ModelVarType, loss_type: LossType
) -> None:
    mean, variance = leaves()
    losses = process(mean_type, var_type, loss_type).training_losses(says(mean, variance), X_START, STEPS, noise=NOISE)
    for leaf in (mean, variance):
        assert bool((gradient(losses.loss, leaf) != 0).flatten(1).any(1).all())


@every_prediction
@fixed
@bound
def test_a_bound_of_fixed_variance_moves_the_mean(
    mean_type: ModelMeanType, var_type: ModelVarType, loss_type: LossType
) -> None:
    mean, _ = leaves()
    losses = process(mean_type, var_type, loss_type).training_losses(says(mean), X_START, STEPS, noise=NOISE)
    assert bool((gradient(losses.loss, mean) != 0).flatten(1).any(1).all())


@learned
@hybrid
def test_a_weight_that_both_heads_share_hears_of_the_bound_through_the_variance_alone(
    var_type: ModelVarType, loss_type: LossType
) -> None:
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    diffusion = process(ModelMeanType.EPSILON, var_type, loss_type)

    def vb_gradient(mean_weight: Tensor) -> Tensor:
        network = says(mean_weight * MEAN_HEAD, weight * VARIANCE_HEAD)
        vb = diffusion.training_losses(network, X_START, STEPS, noise=NOISE).vb
        assert vb is not None
        return gradient(vb, weight)

    assert torch.equal(vb_gradient(weight), vb_gradient(weight.detach()))


@every_prediction
@learned
def test_gradients_of_the_bound_are_finite_at_every_step_however_far_off_the_network_is(
    mean_type: ModelMeanType, var_type: ModelVarType
) -> None:
    mean, variance = leaves()
    diffusion = process(mean_type, var_type, LossType.RESCALED_KL)
    loss = diffusion.training_losses(says(30.0 * mean, 2.0 * variance), X_START, STEPS, noise=NOISE).loss
    for leaf in (mean, variance):
        assert bool(torch.isfinite(gradient(loss, leaf)).all())


# One formula: loss = [regression] mse + weight vb.


def targets() -> dict[ModelMeanType, np.ndarray]:
    """What the first head should say, from abar alone."""
    abar = SCHEDULE.alphas_cumprod.reshape(-1, 1, 1)
    prev = np.append(1.0, SCHEDULE.alphas_cumprod[:-1]).reshape(-1, 1, 1)
    x_start, eps = X_START.numpy(), NOISE.numpy()
    x_t = np.sqrt(abar) * x_start + np.sqrt(1.0 - abar) * eps
    beta = 1.0 - abar / prev
    previous = np.sqrt(prev) * beta / (1.0 - abar) * x_start + np.sqrt(abar / prev) * (1.0 - prev) / (1.0 - abar) * x_t
    kappa_squared, s_squared = (1.0 - abar) / abar, 0.25
    c_skip = s_squared / (kappa_squared + s_squared)  # Karras et al. 2022, table 1, with their sigma_data of 0.5
    c_out = np.sqrt(kappa_squared * s_squared / (kappa_squared + s_squared))
    return {
        ModelMeanType.EPSILON: eps,
        ModelMeanType.START_X: x_start,
        ModelMeanType.VELOCITY: eps - x_start,
        ModelMeanType.EDM: (x_start - c_skip * x_t / np.sqrt(abar)) / c_out,
        ModelMeanType.V: np.sqrt(abar) * eps - np.sqrt(1.0 - abar) * x_start,
        ModelMeanType.PREVIOUS_X: previous,
    }


WEIGHTS = {
    LossType.MSE: 1.0,
    LossType.RESCALED_MSE: NUM_TIMESTEPS / 1000.0,
    LossType.KL: 1.0,
    LossType.RESCALED_KL: float(NUM_TIMESTEPS),
}


@every_prediction
@pytest.mark.parametrize("var_type", list(ModelVarType))
@hybrid
def test_the_regression_is_the_mean_squared_error_of_what_the_network_predicts(
    mean_type: ModelMeanType, var_type: ModelVarType, loss_type: LossType
) -> None:
    diffusion = process(mean_type, var_type, loss_type)
    heads = (MEAN_HEAD, VARIANCE_HEAD)[: diffusion.variance.heads]
    mse = diffusion.training_losses(says(*heads), X_START, STEPS, noise=NOISE).mse
    assert mse is not None
    expected = ((targets()[mean_type] - MEAN_HEAD.numpy()) ** 2).reshape(NUM_TIMESTEPS, -1).mean(1)
    np.testing.assert_allclose(mse.numpy(), expected, rtol=1e-9)


@every_prediction
@pytest.mark.parametrize("var_type", list(ModelVarType))
@pytest.mark.parametrize("loss_type", list(LossType))
def test_a_loss_is_its_regression_plus_its_weight_times_the_bound_term(
    mean_type: ModelMeanType, var_type: ModelVarType, loss_type: LossType
) -> None:
    diffusion = process(mean_type, var_type, loss_type)
    network = says(*(MEAN_HEAD, VARIANCE_HEAD)[: diffusion.variance.heads])
    losses = diffusion.training_losses(network, X_START, STEPS, noise=NOISE)
    x_t = diffusion.q_sample(X_START, STEPS, NOISE)
    vb = WEIGHTS[loss_type] * diffusion._vb_terms_bpd(network, X_START, x_t, STEPS, clip_denoised=False).output
    if loss_type in (LossType.KL, LossType.RESCALED_KL):
        assert losses.mse is None
        torch.testing.assert_close(losses.loss, vb, rtol=1e-12, atol=0)
        return
    assert losses.mse is not None
    if diffusion.variance.heads == 1:
        assert losses.vb is None
        assert torch.equal(losses.loss, losses.mse)
        return
    assert losses.vb is not None
    torch.testing.assert_close(losses.vb, vb, rtol=1e-12, atol=0)
    torch.testing.assert_close(losses.loss, losses.mse + vb, rtol=1e-12, atol=0)


@learned
def test_the_rescaled_bound_averaged_over_steps_is_the_whole_bound_without_its_prior(var_type: ModelVarType) -> None:
    diffusion = process(ModelMeanType.EPSILON, var_type, LossType.RESCALED_KL)
    image = X_START[:1]
    seen: dict[int, Tensor] = {}

    def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        seen.update(zip(time.tolist(), x, strict=True))
        return torch.cat([torch.sin(x), torch.tanh(x)], dim=1)

    whole = calc_bpd_loop(diffusion, network, image, clip_denoised=False)
    x_t = torch.stack([seen[label] for label in SCHEDULE.timesteps.tolist()])
    images = image.expand_as(x_t)
    noise = diffusion.predict_eps_from_xstart(x_t, STEPS, images)
    mean = diffusion.training_losses(network, images, STEPS, noise=noise).loss.mean()
    assert float(mean) == pytest.approx(float(whole.total_bpd - whole.prior_bpd), rel=1e-10)


@pytest.mark.parametrize("loss_type", list(LossType))
def test_the_loss_of_a_sample_does_not_depend_on_its_company(loss_type: LossType) -> None:
    diffusion = process(ModelMeanType.V, ModelVarType.LEARNED_RANGE, loss_type)
    network: Network = lambda x, time, **conditioning: torch.cat([torch.sin(x), torch.tanh(x)], dim=1)  # noqa: E731
    together = diffusion.training_losses(network, X_START, STEPS, noise=NOISE).loss
    assert together.shape == (NUM_TIMESTEPS,)
    for t in range(NUM_TIMESTEPS):
        row = slice(t, t + 1)
        alone = diffusion.training_losses(network, X_START[row], t, noise=NOISE[row]).loss
        torch.testing.assert_close(alone, together[row], rtol=1e-10, atol=1e-12)


# Gaussian data: the least expected regression of each prediction, by exact quadrature.

MEAN, VARIANCE = 0.1, 0.3
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(3)
PAIRS = np.array(list(itertools.product(range(3), repeat=2)))
PAIR_WEIGHTS = NODE_WEIGHTS[PAIRS].prod(1) / NODE_WEIGHTS.sum() ** 2


def least_regression(mean_type: ModelMeanType, schedule: NoiseSchedule, t: int) -> float:
    """m = Var(x_0 | x_t), times what an error of x_0 is worth in the prediction."""
    abar, prev = float(schedule.alphas_cumprod[t]), float(schedule.alphas_cumprod_prev[t])
    remaining = VARIANCE * (1.0 - abar) / (abar * VARIANCE + 1.0 - abar)
    worth = {
        ModelMeanType.START_X: 1.0,
        ModelMeanType.EPSILON: abar / (1.0 - abar),
        ModelMeanType.V: 1.0 / (1.0 - abar),
        ModelMeanType.VELOCITY: (1.0 + math.sqrt(abar / (1.0 - abar))) ** 2,  # x_0 = (x - sigma u) / (alpha + sigma)
        ModelMeanType.EDM: abar / (1.0 - abar) + 1.0 / 0.25,  # 1 / c_out^2
        ModelMeanType.PREVIOUS_X: prev * ((1.0 - abar / prev) / (1.0 - abar)) ** 2,
    }
    return worth[mean_type] * remaining


@every_prediction
@pytest.mark.parametrize("t", range(NUM_TIMESTEPS))
def test_the_expected_regression_of_the_exact_denoiser_is_the_closed_form(mean_type: ModelMeanType, t: int) -> None:
    diffusion = process(mean_type, ModelVarType.FIXED_LARGE, LossType.MSE)
    x_start = torch.as_tensor(MEAN + math.sqrt(VARIANCE) * NODES[PAIRS[:, :1]])
    noise = torch.as_tensor(NODES[PAIRS[:, 1:]])
    exact = GaussianDenoiser(diffusion, *(torch.tensor([value], dtype=torch.float64) for value in (MEAN, VARIANCE)))

    def expected(network: Network) -> float:
        return float(diffusion.training_losses(network, x_start, t, noise=noise).loss.numpy() @ PAIR_WEIGHTS)

    least = expected(exact)
    assert least == pytest.approx(least_regression(mean_type, SCHEDULE, t), rel=1e-9)
    # Any affine change of the best output is worse.
    for shift, factor in ((0.01, 1.0), (-0.01, 1.0), (0.0, 1.01), (0.0, 0.99)):
        assert expected(lambda x, time, s=shift, f=factor: s + f * exact(x, time)) > least


# Levels beside the grid, and weights of levels


@pytest.mark.parametrize("mean_type", [ModelMeanType.START_X, ModelMeanType.EPSILON, ModelMeanType.V])
def test_levels_between_the_steps_are_trained_on_too(mean_type: ModelMeanType) -> None:
    diffusion = process(mean_type, ModelVarType.FIXED_LARGE, LossType.MSE)
    x_start = torch.as_tensor(MEAN + math.sqrt(VARIANCE) * NODES[PAIRS[:, :1]])
    noise = torch.as_tensor(NODES[PAIRS[:, 1:]])
    at = SCHEDULE.at_ratio(0.5, x_start)
    assert not torch.isclose(SCHEDULE.levels.kappa, at.kappa, rtol=1e-3).any()
    abar = 1.0 / (1.0 + 0.5**2)  # alpha^2 + sigma^2 = 1
    signal, deviation = math.sqrt(abar), math.sqrt(1.0 - abar)

    def exact(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        found = MEAN + signal * VARIANCE * (x - signal * MEAN) / (abar * VARIANCE + 1.0 - abar)
        eps = (x - signal * found) / deviation
        heads = {ModelMeanType.START_X: found, ModelMeanType.EPSILON: eps}
        return heads.get(mean_type, signal * eps - deviation * found)

    loss = float(diffusion.training_losses(exact, x_start, at, noise=noise).loss.numpy() @ PAIR_WEIGHTS)
    remaining = VARIANCE * (1.0 - abar) / (abar * VARIANCE + 1.0 - abar)
    worth = {ModelMeanType.START_X: 1.0, ModelMeanType.EPSILON: abar / (1 - abar), ModelMeanType.V: 1 / (1 - abar)}
    assert loss == pytest.approx(worth[mean_type] * remaining, rel=1e-9)


def test_the_bound_of_a_level_between_the_steps_has_no_neighbour() -> None:
    diffusion = process(ModelMeanType.EPSILON, ModelVarType.LEARNED_RANGE, LossType.MSE)
    with pytest.raises(SettingsError, match="give a Transition"):
        diffusion.training_losses(says(MEAN_HEAD, VARIANCE_HEAD), X_START, SCHEDULE.at_ratio(0.5, X_START), noise=NOISE)


def test_a_weighting_without_a_squared_error_is_refused() -> None:
    with pytest.raises(SettingsError, match="weighting: an objective with a squared error wanted"):
        replace(LossType.KL.value, weighting=lambda at: 2.0)


def test_a_weighting_may_be_a_number() -> None:
    plain = process(ModelMeanType.EPSILON, ModelVarType.FIXED_LARGE, LossType.MSE)
    twice = plain.replace(loss_type=replace(plain.objective, weighting=lambda at: 2.0))
    ours, theirs = (one.training_losses(says(MEAN_HEAD), X_START, STEPS, noise=NOISE) for one in (twice, plain))
    torch.testing.assert_close(ours.loss, 2.0 * theirs.loss)
    torch.testing.assert_close(ours.mse, theirs.mse)


@learned
def test_errors_of_eps_weighted_by_kappa_squared_are_those_of_x_start(var_type: ModelVarType) -> None:
    """x_0 - x_start = -kappa (eps - noise): one loss under two names, where the same network says both."""
    plain = Objective(regression=True, vb_factor=0.0, vb_times_num_timesteps=False)
    weighted = replace(plain, weighting=lambda at: at.kappa**2)
    x_t = GaussianDiffusion(SCHEDULE).q_sample(X_START, STEPS, NOISE)
    x_start = GaussianDiffusion(SCHEDULE).predict_xstart_from_eps(x_t, STEPS, MEAN_HEAD)
    pairs = (ModelMeanType.EPSILON, weighted, MEAN_HEAD), (ModelMeanType.START_X, plain, x_start)
    ours, theirs = (
        GaussianDiffusion(SCHEDULE, model_mean_type=mean_type, model_var_type=var_type, loss_type=objective)
        .training_losses(says(head, VARIANCE_HEAD), X_START, STEPS, noise=NOISE)
        .loss
        for mean_type, objective, head in pairs
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
