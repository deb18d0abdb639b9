"""Six ways of saying the same thing: noise, clean data, the previous mean, v, velocity, and what EDM leaves.

Formulas are written with alpha = sqrt(abar), sigma = sqrt(1 - abar), kappa = sigma / alpha, from abar alone.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from idm.core.types import Network
from idm.diffusion import GaussianDiffusion, ModelMeanType, ModelVarType, Preconditioned
from idm.likelihood import calc_bpd_loop
from idm.samplers import Sampler, SamplerDDIM, SamplerDDPM
from idm.schedules import Grid, NoiseSchedule, cosine_schedule, flow_schedule, linear_schedule, spaced

CHAINS = {
    "linear": linear_schedule(60),
    "long": linear_schedule(1000),
    "cosine": cosine_schedule(50),
    "few": linear_schedule(1000).respace(spaced(1000, 8)),
    "one": linear_schedule(1000).respace([400]),
}
every_chain = pytest.mark.parametrize("chain", sorted(CHAINS))
every_prediction = pytest.mark.parametrize("mean_type", list(ModelMeanType))
GENERATOR = np.random.default_rng(3)
SIGMA_DATA = 0.5
"""What EDM takes for the deviation of the data where nothing else is said."""


@dataclass(frozen=True)
class Level:
    """One step of a chain, in numbers."""

    abar: float
    prev: float

    @property
    def alpha(self) -> float:
        return math.sqrt(self.abar)

    @property
    def sigma(self) -> float:
        return math.sqrt(1.0 - self.abar)

    @property
    def kappa(self) -> float:
        return self.sigma / self.alpha

    @property
    def deviation(self) -> float:
        """Of y = x / alpha, by which EDM divides it."""
        return math.hypot(self.kappa, SIGMA_DATA)

    def input_scale(self, mean_type: ModelMeanType) -> float:
        """By what x is multiplied before a network of this prediction type sees it."""
        return 1.0 / (self.alpha * self.deviation) if mean_type is ModelMeanType.EDM else 1.0

    def output(self, mean_type: ModelMeanType, x_start: Tensor, eps: Tensor) -> Tensor:
        """What a network of this prediction type says if it sees x_start and eps in alpha x_start + sigma eps."""
        beta = 1.0 - self.abar / self.prev
        x_t = self.alpha * x_start + self.sigma * eps
        of_start = math.sqrt(self.prev) * beta / (1.0 - self.abar)
        of_x = math.sqrt(1.0 - beta) * (1.0 - self.prev) / (1.0 - self.abar)
        return {
            ModelMeanType.EPSILON: eps,
            ModelMeanType.START_X: x_start,
            ModelMeanType.V: self.alpha * eps - self.sigma * x_start,
            ModelMeanType.VELOCITY: eps - x_start,
            # (x_0 - c_skip y) / c_out with y = x_0 + kappa eps (Karras et al. 2022, table 1)
            ModelMeanType.EDM: (self.kappa * x_start - SIGMA_DATA**2 * eps) / (SIGMA_DATA * self.deviation),
            ModelMeanType.PREVIOUS_X: of_start * x_start + of_x * x_t,
        }[mean_type]


def levels(schedule: NoiseSchedule) -> list[Level]:
    abars = [1.0, *schedule.alphas_cumprod.tolist()]
    return [Level(abar, prev) for prev, abar in itertools.pairwise(abars)]


def assert_relatively_close(ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    assert float((ours - theirs).abs().max()) <= tolerance * max(1.0, float(theirs.abs().max()))


# Law 3: x_start(target(x_0)) = x_0 at every step.


@every_chain
@every_prediction
def test_x_start_is_read_back_from_the_exact_output(chain: str, mean_type: ModelMeanType) -> None:
    schedule = CHAINS[chain]
    diffusion = GaussianDiffusion(schedule, model_mean_type=mean_type)
    x_start, noise = (torch.as_tensor(GENERATOR.uniform(-1.0, 1.0, (5, 3))) for _ in range(2))
    for t, level in enumerate(levels(schedule)):
        at = schedule.level(t, x_start)
        x_t = level.alpha * x_start + level.sigma * noise
        output = diffusion.prediction.target(x_start, x_t, noise, at)
        assert_relatively_close(output, level.output(mean_type, x_start, noise), 1e-12)
        # x_0 is a difference of numbers as large as 1 / alpha, or x_{t-1} over its weight.
        weight = float(schedule.posterior_mean_coef1[t]) if mean_type is ModelMeanType.PREVIOUS_X else level.alpha
        scale = 1.0 / weight if mean_type in (ModelMeanType.EPSILON, ModelMeanType.PREVIOUS_X) else 1.0
        error = (diffusion.prediction.x_start(output, x_t, at) - x_start).abs().max()
        assert float(error) <= 1e-14 * max(scale, 10.0)


@given(
    x_start=st.floats(-1, 1),
    noise=st.floats(-4, 4),
    betas=st.lists(st.floats(1e-3, 0.9), min_size=1, max_size=8),
    mean_type=st.sampled_from(list(ModelMeanType)),
)
def test_x_start_is_read_back_in_any_chain_per_sample(
    x_start: float, noise: float, betas: list[float], mean_type: ModelMeanType
) -> None:
    diffusion = GaussianDiffusion.from_betas(betas, model_mean_type=mean_type)
    clean, eps = (torch.full((len(betas), 1), value, dtype=torch.float64) for value in (x_start, noise))
    t = torch.arange(len(betas))
    at, x_t = diffusion.schedule.level(t, clean), diffusion.q_sample(clean, t, eps)
    read = diffusion.prediction.x_start(diffusion.prediction.target(clean, x_t, eps, at), x_t, at)
    scale = 1.0 / float(diffusion.schedule.sqrt_alphas_cumprod[-1]) + 1.0 / float(
        diffusion.schedule.posterior_mean_coef1.min()
    )
    torch.testing.assert_close(read, clean, rtol=0, atol=1e-13 * scale)


@every_chain
@every_prediction
def test_the_exact_output_gives_the_posterior_mean(chain: str, mean_type: ModelMeanType) -> None:
    schedule = CHAINS[chain]
    diffusion = GaussianDiffusion(schedule, model_mean_type=mean_type)
    x_start, noise = (torch.as_tensor(GENERATOR.uniform(-1.0, 1.0, (5, 3))) for _ in range(2))
    for t, level in list(enumerate(levels(schedule)))[:: 1 + schedule.num_timesteps // 100]:
        x_t = level.alpha * x_start + level.sigma * noise
        network = saying(schedule, mean_type, lambda x, time, seen=x_start: seen)
        step = diffusion.p_mean_variance(network, x_t, t, clip_denoised=False)
        assert_relatively_close(step.mean, level.output(ModelMeanType.PREVIOUS_X, x_start, noise), 1e-10)


# Converting prediction types leaves every sampler's output unchanged.


def sees(x: Tensor, time: Tensor) -> Tensor:
    """The x_0 that an arbitrary network sees, of any label's time."""
    return 0.8 * torch.tanh(x + torch.sin(0.01 * time.to(x.dtype)).view(-1, *(1,) * (x.ndim - 1)))


def saying(
    schedule: NoiseSchedule, mean_type: ModelMeanType, x_start: Callable[[Tensor, Tensor], Tensor] = sees
) -> Network:
    """The network that sees ``x_start`` and says so in a prediction type."""
    by_label = dict(zip(schedule.timesteps.tolist(), levels(schedule), strict=True))

    def network(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
        rows: list[Tensor] = []
        scales = torch.tensor([by_label[label].input_scale(mean_type) for label in time.tolist()], dtype=x.dtype)
        x = x / scales.view(-1, *(1,) * (x.ndim - 1))
        for row, seen, label in zip(x, x_start(x, time), time.tolist(), strict=True):
            level = by_label[label]
            rows.append(level.output(mean_type, seen, (row - level.alpha * seen) / level.sigma))
        return torch.stack(rows)

    return network


def samplers(diffusion: GaussianDiffusion, clip: bool) -> list[Sampler]:
    ancestral = [SamplerDDPM(diffusion.replace(model_var_type=kind), clip) for kind in FIXED]
    return [*ancestral, *(SamplerDDIM(diffusion, clip, eta=eta) for eta in (0.0, 0.6, 1.0))]


FIXED = (ModelVarType.FIXED_SMALL, ModelVarType.FIXED_LARGE)
SHAPE = (3, 2)


@pytest.mark.parametrize("chain", ["linear", "cosine", "few", "one"])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("mean_type", [kind for kind in ModelMeanType if kind is not ModelMeanType.START_X])
def test_no_sampler_depends_on_what_the_network_predicts(chain: str, mean_type: ModelMeanType, clip: bool) -> None:
    schedule = CHAINS[chain]
    ours, theirs = (
        samplers(GaussianDiffusion(schedule, model_mean_type=kind), clip) for kind in (mean_type, ModelMeanType.START_X)
    )
    for sampler, of_start in zip(ours, theirs, strict=True):
        noise = sampler.initial_noise(SHAPE, seed=4).double()
        expected = of_start.sample(saying(schedule, ModelMeanType.START_X), SHAPE, noise=noise, seed=4)
        sample = sampler.sample(saying(schedule, mean_type), SHAPE, noise=noise, seed=4)
        torch.testing.assert_close(sample, expected, rtol=0, atol=1e-9)


@every_prediction
def test_nor_does_the_bound(mean_type: ModelMeanType) -> None:
    schedule, x_start = CHAINS["few"], torch.as_tensor(GENERATOR.uniform(-1.0, 1.0, (4, 2)))
    expected, ours = (
        calc_bpd_loop(GaussianDiffusion(schedule, model_mean_type=kind), saying(schedule, kind), x_start)
        for kind in (ModelMeanType.START_X, mean_type)
    )
    for name in ("total_bpd", "vb", "xstart_mse"):
        torch.testing.assert_close(getattr(ours, name), getattr(expected, name), rtol=1e-8, atol=1e-9)


# v is a rotation, and the preconditioned network of Karras et al. 2022 for data of unit variance.


@every_chain
def test_v_and_x_t_are_noise_and_data_rotated(chain: str) -> None:
    schedule = CHAINS[chain]
    prediction = ModelMeanType.V.value
    x_start, noise = (torch.as_tensor(GENERATOR.normal(size=(4, 3))) for _ in range(2))
    for t, level in enumerate(levels(schedule)):
        at = schedule.level(t, x_start)
        x_t = at.diffuse(x_start, noise)
        v = prediction.target(x_start, x_t, noise, at)
        assert_relatively_close(x_t**2 + v**2, x_start**2 + noise**2, 1e-12)
        assert_relatively_close(level.sigma * x_t + level.alpha * v, noise, 1e-12)
        assert_relatively_close(prediction.x_start(v, x_t, at), level.alpha * x_t - level.sigma * v, 1e-12)


@every_chain
def test_v_is_minus_the_preconditioned_network_of_unit_data(chain: str) -> None:
    """x_0 = c_skip y + c_out F with y = x_t / alpha, c_skip = 1 / (kappa^2 + 1), c_out = kappa / sqrt(kappa^2 + 1)."""
    schedule = CHAINS[chain]
    x_t, v = (torch.as_tensor(GENERATOR.normal(size=(4, 3))) for _ in range(2))
    for t, level in enumerate(levels(schedule)):
        kappa = level.sigma / level.alpha
        skip, out = 1.0 / (kappa**2 + 1.0), kappa / math.sqrt(kappa**2 + 1.0)
        x_start = ModelMeanType.V.value.x_start(v, x_t, schedule.level(t, x_t))
        assert_relatively_close(x_start, skip * x_t / level.alpha - out * v, 1e-12)


@every_chain
def test_the_preconditioned_prediction_of_unit_data_is_minus_v_and_shows_the_network_x_itself(chain: str) -> None:
    schedule, prediction = CHAINS[chain], Preconditioned(sigma_data=1.0)
    x_start, noise, output = (torch.as_tensor(GENERATOR.normal(size=(4, 3))) for _ in range(3))
    for t, level in enumerate(levels(schedule)):
        at = schedule.level(t, x_start)
        x_t = level.alpha * x_start + level.sigma * noise
        assert float(prediction.input_scale(at)) == pytest.approx(1.0, rel=1e-12)
        target = prediction.target(x_start, x_t, noise, at)
        assert_relatively_close(target, level.sigma * x_start - level.alpha * noise, 1e-12)
        read = prediction.x_start(output, x_t, at)
        assert_relatively_close(read, level.alpha * x_t + level.sigma * output, 1e-12)


@every_chain
@pytest.mark.parametrize("sigma_data", [0.05, 0.5, 1.0, 3.0])
def test_preconditioning_is_that_of_the_paper(chain: str, sigma_data: float) -> None:
    """x_0 = c_skip y + c_out F(c_in y), y = x / alpha (Karras et al. 2022, table 1)."""
    schedule, prediction = CHAINS[chain], Preconditioned(sigma_data=sigma_data)
    x_t, output = (torch.as_tensor(GENERATOR.normal(size=(4, 3))) for _ in range(2))
    for t, level in enumerate(levels(schedule)):
        at, kappa = schedule.level(t, x_t), level.kappa
        skip, of_input = sigma_data**2 / (kappa**2 + sigma_data**2), 1.0 / math.hypot(kappa, sigma_data)
        of_output = kappa * sigma_data / math.hypot(kappa, sigma_data)
        assert float(prediction.input_scale(at)) == pytest.approx(of_input / level.alpha, rel=1e-12)
        read = prediction.x_start(output, x_t, at)
        assert_relatively_close(read, skip * x_t / level.alpha + of_output * output, 1e-12)


@pytest.mark.parametrize("sigma_data", [0.2, 1.0, 1.7])
def test_input_and_target_of_preconditioning_have_unit_variance_for_data_of_that_deviation(sigma_data: float) -> None:
    """x_0 and eps being independent, variances of their weighted sums are sums of squares."""
    prediction, one, none = Preconditioned(sigma_data), torch.ones(1).double(), torch.zeros(1).double()
    for grid in (CHAINS["cosine"], flow_schedule(20), cosine_schedule(20, zero_terminal_snr=True)):
        for i in range(grid.num_timesteps):
            at = grid.level(i, one)
            of_x_start, of_noise = (
                float(prediction.target(clean, at.diffuse(clean, noise), noise, at))
                for clean, noise in ((one, none), (none, one))
            )
            assert (sigma_data * of_x_start) ** 2 + of_noise**2 == pytest.approx(1.0, rel=1e-12)
            shown = float(prediction.input_scale(at)) ** 2
            variance = (float(at.alpha) * sigma_data) ** 2 + float(at.sigma) ** 2
            assert shown * variance == pytest.approx(1.0, rel=1e-12)


def test_the_velocity_is_that_of_the_straight_path() -> None:
    """Dx / dt = eps - x_0 for x = (1 - t) x_0 + t eps, and x_0 = x - t u."""
    grid, prediction = flow_schedule(10), ModelMeanType.VELOCITY.value
    x_start, noise = (torch.as_tensor(GENERATOR.normal(size=(4, 3))) for _ in range(2))
    lower, upper = (grid.at_times(np.array([time]), x_start).diffuse(x_start, noise) for time in (0.3, 0.5))
    at = grid.at_times(np.array([0.4]), x_start)
    x_t = at.diffuse(x_start, noise)
    velocity = prediction.target(x_start, x_t, noise, at)
    assert_relatively_close(velocity, (upper - lower) / 0.2, 1e-12)
    assert_relatively_close(prediction.x_start(velocity, x_t, at), x_t - 0.4 * velocity, 1e-12)


@pytest.mark.parametrize("grid", [flow_schedule(12), cosine_schedule(12, zero_terminal_snr=True)], ids=["flow", "zero"])
@pytest.mark.parametrize("mean_type", [kind for kind in ModelMeanType if kind is not ModelMeanType.EPSILON])
def test_x_start_is_read_where_no_signal_is_left(grid: Grid, mean_type: ModelMeanType) -> None:
    diffusion = GaussianDiffusion(grid, model_mean_type=mean_type)
    x_start, noise = (torch.as_tensor(GENERATOR.normal(size=(4, 3))) for _ in range(2))
    at = grid.level(11, x_start)
    assert (float(at.alpha), float(at.sigma)) == (0.0, 1.0)
    output = diffusion.prediction.target(x_start, noise, noise, at)
    torch.testing.assert_close(diffusion.prediction.x_start(output, noise, at), x_start, rtol=0, atol=1e-13)


# DDIM is Euler's method in kappa for y = x / alpha, whose slope is eps.


@every_chain
def test_a_ddim_step_is_an_euler_step_along_the_noise(chain: str) -> None:
    schedule = CHAINS[chain]
    sampler = SamplerDDIM(GaussianDiffusion(schedule), clip_denoised=False)
    x = torch.as_tensor(GENERATOR.normal(size=(4, 3)))
    for t, level in enumerate(levels(schedule)):
        before = math.sqrt((1.0 - level.prev) / level.prev)
        y = x / level.alpha + (before - level.sigma / level.alpha) * torch.sin(x)
        stepped = sampler.ddim_sample(lambda x, time: torch.sin(x), x, t).sample / math.sqrt(level.prev)
        assert_relatively_close(stepped, y, 1e-12)


@every_chain
def test_a_step_up_is_the_same_euler_step_with_the_sign_of_time_reversed(chain: str) -> None:
    schedule = CHAINS[chain]
    sampler = SamplerDDIM(GaussianDiffusion(schedule), clip_denoised=False)
    x, chain_levels = torch.as_tensor(GENERATOR.normal(size=(4, 3))), levels(schedule)
    for t, (level, above) in enumerate(itertools.pairwise(chain_levels)):
        rise = above.sigma / above.alpha - level.sigma / level.alpha
        y = x / level.alpha + rise * torch.sin(x)
        stepped = sampler.ddim_reverse_sample(lambda x, time: torch.sin(x), x, t).sample / above.alpha
        assert_relatively_close(stepped, y, 1e-12)
