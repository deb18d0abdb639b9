"""The tables of a chain against the formulas of Ho et al. 2020, written out in numpy from abar alone."""

import itertools
import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.schedules import NoiseSchedule, cosine_schedule, linear_schedule

SCHEDULES_BY_NAME = {
    "linear 21": linear_schedule(21),
    "linear 1000": linear_schedule(1000),
    "linear 4000": linear_schedule(4000),
    "cosine 1": cosine_schedule(1),
    "cosine 2": cosine_schedule(2),
    "cosine 4000": cosine_schedule(4000),
    "few": linear_schedule(1000).respace([3, 500, 999]),
}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES_BY_NAME.values(), ids=SCHEDULES_BY_NAME)


def levels(schedule: NoiseSchedule) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """abar_t, abar_{t-1} and beta_t."""
    abar = schedule.alphas_cumprod
    prev = np.concatenate([[1.0], abar[:-1]])
    return abar, prev, 1.0 - abar / prev


@every_schedule
def test_the_tables_are_the_formulas(schedule: NoiseSchedule) -> None:
    abar, prev, beta = levels(schedule)
    expected = {
        "betas": beta,
        "alphas_cumprod_prev": prev,
        "alphas_cumprod_next": np.concatenate([abar[1:], [0.0]]),
        "posterior_variance": beta * (1.0 - prev) / (1.0 - abar),
        "sqrt_alphas_cumprod": abar**0.5,
        "sqrt_one_minus_alphas_cumprod": (1.0 - abar) ** 0.5,
        "log_one_minus_alphas_cumprod": np.log1p(-abar),
        "sqrt_recip_alphas_cumprod": abar**-0.5,
        "sqrt_recipm1_alphas_cumprod": ((1.0 - abar) / abar) ** 0.5,
        "posterior_mean_coef1": beta * prev**0.5 / (1.0 - abar),
        "posterior_mean_coef2": (1.0 - prev) * (abar / prev) ** 0.5 / (1.0 - abar),
    }
    for name, values in expected.items():
        table = getattr(schedule, name)
        assert table.dtype == np.float64, name
        # 1 - abar / prev, as written here, has an error of 1e-16 in numbers as small as 2.5e-5.
        np.testing.assert_allclose(table, values, rtol=2e-11, atol=1e-15, err_msg=name)


def test_small_betas_have_no_cancellation() -> None:
    """Against 50-digit arithmetic on the same levels."""
    getcontext().prec = 50
    schedule = linear_schedule(4000)
    abar = [Decimal(1), *(Decimal(value) for value in schedule.alphas_cumprod.tolist())]
    exact = [float(1 - here / before) for before, here in itertools.pairwise(abar)]
    np.testing.assert_allclose(schedule.betas, exact, rtol=1e-15)


def test_nor_have_the_posteriors_weights_where_a_step_leaves_little_signal() -> None:
    abar, prev = Decimal("1e-9"), Decimal("0.25")
    schedule = NoiseSchedule(np.array([float(prev), float(abar)]), np.arange(2), 2)
    exact = (1 - prev) * (abar / prev).sqrt() / (1 - abar)
    assert schedule.posterior_mean_coef2[1] == pytest.approx(float(exact), rel=1e-14)


@every_schedule
def test_the_clipped_log_variance_is_that_of_the_posterior_with_step_0_taken_from_step_1(
    schedule: NoiseSchedule,
) -> None:
    abar, prev, beta = levels(schedule)
    variance = beta * (1.0 - prev) / (1.0 - abar)
    variance[0] = variance[1] if len(variance) > 1 else beta[0]
    np.testing.assert_allclose(schedule.posterior_log_variance_clipped, np.log(variance), rtol=1e-10)


@every_schedule
def test_the_first_step_has_no_posterior_variance_and_its_mean_is_x_start(schedule: NoiseSchedule) -> None:
    first = [getattr(schedule, f"posterior_{name}")[0] for name in ("variance", "mean_coef1", "mean_coef2")]
    assert first == [0.0, 1.0, 0.0]


@every_schedule
def test_the_large_fixed_variance_is_beta_with_step_0_taken_from_the_posterior_of_step_1(
    schedule: NoiseSchedule,
) -> None:
    steps = torch.arange(schedule.num_timesteps)
    at = schedule.transition(steps, torch.zeros(1, dtype=torch.float64))
    assert isinstance(at.fixed_large_log_variance, torch.Tensor)
    expected = np.log(np.concatenate([[math.exp(schedule.posterior_log_variance_clipped[0])], schedule.betas[1:]]))
    np.testing.assert_allclose(at.fixed_large_log_variance.numpy(), expected, rtol=1e-12, atol=1e-15)


@every_schedule
def test_step_0_alone_is_the_last_one_down(schedule: NoiseSchedule) -> None:
    flags = [schedule.transition(t, torch.zeros(1)).is_last for t in range(schedule.num_timesteps)]
    assert flags == [1.0] + [0.0] * (schedule.num_timesteps - 1)


@pytest.mark.parametrize("schedule", [linear_schedule(30), cosine_schedule(30)])
def test_a_new_chain_labels_its_steps_by_number(schedule: NoiseSchedule) -> None:
    assert schedule.timesteps.tolist() == list(range(30))
    assert schedule.num_timesteps == schedule.num_train_timesteps == 30


def test_a_chain_defined_by_betas_has_those_betas() -> None:
    betas = [0.1, 0.2, 0.05, 0.9]
    schedule = NoiseSchedule.from_betas(betas)
    np.testing.assert_allclose(schedule.betas, betas, rtol=1e-14)
    np.testing.assert_allclose(schedule.alphas_cumprod, [0.9, 0.72, 0.684, 0.0684], rtol=1e-14)


def test_a_chain_defined_by_a_continuous_level_passes_through_it_until_a_beta_is_clipped() -> None:
    schedule = NoiseSchedule.from_alpha_bar(lambda u: (1.0 - u) ** 2, 4, max_beta=0.9)
    np.testing.assert_allclose(schedule.alphas_cumprod, [0.5625, 0.25, 0.0625, 0.00625], rtol=1e-14)


# Respacing


def test_a_respaced_chain_keeps_labels_and_the_length_of_the_chain_they_count_in() -> None:
    once = linear_schedule(100).respace([90, 10, 50, 0])
    assert once.timesteps.tolist() == [0, 10, 50, 90]
    twice = once.respace([1, 3])
    assert twice.timesteps.tolist() == [10, 90]
    assert twice.num_train_timesteps == 100


@pytest.mark.parametrize("keep", [[], [-1, 3], [3, 50], [1, 1, 2]])
def test_steps_that_do_not_exist_or_repeat_are_refused(keep: list[int]) -> None:
    with pytest.raises(SettingsError, match=r"respacing: distinct steps in \[0, 50\) wanted"):
        linear_schedule(50).respace(keep)


def test_a_long_list_of_wrong_steps_is_abbreviated() -> None:
    with pytest.raises(SettingsError, match=r"7\] \.\.\."):
        linear_schedule(50).respace(range(1000))


# Noise floor


@pytest.mark.parametrize("sigma", [0.01, 1 / 255, 1 / 16, 0.3, 0.9])
def test_a_noise_floor_drops_the_steps_below_it_and_keeps_the_levels_of_the_others(sigma: float) -> None:
    schedule = cosine_schedule(200)
    floored = schedule.with_noise_floor(sigma)
    noise = np.sqrt(1.0 - schedule.alphas_cumprod)
    assert floored.timesteps.tolist() == [t for t in range(200) if noise[t] >= sigma]
    np.testing.assert_array_equal(floored.alphas_cumprod, schedule.alphas_cumprod[floored.timesteps])


def test_a_noise_floor_of_zero_keeps_every_step() -> None:
    assert cosine_schedule(20).with_noise_floor(0.0).num_timesteps == 20


@pytest.mark.parametrize("sigma", [-0.1, 1.0, 2.0, math.nan])
def test_a_noise_floor_that_is_no_noise_level_is_refused(sigma: float) -> None:
    with pytest.raises(SettingsError, match=r"noise_floor: a number from 0 to .* wanted"):
        cosine_schedule(20).with_noise_floor(sigma)


def test_a_noise_floor_above_every_level_is_refused_with_the_highest() -> None:
    schedule = NoiseSchedule.from_betas([0.1, 0.1])
    with pytest.raises(SettingsError, match=f"from 0 to {math.sqrt(0.19):.4g} wanted, got 0.5"):
        schedule.with_noise_floor(0.5)


# What is no chain


@pytest.mark.parametrize("betas", [[], [0.0, 0.1], [0.1, 1.0], [0.1, 1.5], [-0.1], [[0.1, 0.2]], [0.1, math.nan]])
def test_betas_outside_of_the_open_unit_interval_are_refused(betas: list[float]) -> None:
    with pytest.raises(SettingsError, match=r"betas: a list of numbers in \(0, 1\) wanted"):
        NoiseSchedule.from_betas(betas)


@pytest.mark.parametrize(
    "abar",
    [
        [],
        [[0.9]],
        [1.0, 0.5],
        [0.5, 0.5],
        [0.5, 0.6],
        [0.0],
        [0.5, 0.0, 0.0],
        [0.5, -0.1],
        [0.5, math.nan],
        [math.inf, 0.5],
    ],
)
def test_levels_that_do_not_decrease_within_the_open_unit_interval_are_refused(abar: list[float]) -> None:
    with pytest.raises(SettingsError, match="schedule: "):
        NoiseSchedule(np.array(abar, dtype=np.float64), np.arange(len(abar)), len(abar))


def test_betas_that_leave_no_signal_are_refused() -> None:
    with pytest.raises(SettingsError, match="leave some signal"):
        NoiseSchedule.from_betas([0.999999] * 100)


@pytest.mark.parametrize("number", [0, -5])
def test_a_chain_without_steps_is_refused(number: int) -> None:
    with pytest.raises(SettingsError, match=f"num_timesteps: at least 1 wanted, got {number}"):
        NoiseSchedule.from_alpha_bar(lambda u: 1.0 - u, number)
    with pytest.raises(SettingsError, match="num_timesteps"):
        cosine_schedule(number)


def test_a_level_that_grows_is_refused() -> None:
    with pytest.raises(SettingsError, match="betas"):
        NoiseSchedule.from_alpha_bar(lambda u: 0.5 + 0.1 * u, 4)


def test_steps_are_counted_up_to_a_noise_to_signal_ratio() -> None:
    schedule = cosine_schedule(100)
    ratio = np.sqrt((1.0 - schedule.alphas_cumprod) / schedule.alphas_cumprod)
    assert schedule.num_steps_below(1e9) == 100
    assert schedule.num_steps_below(0.0) == 0
    assert schedule.num_steps_below(float(ratio[41]) * (1.0 + 1e-9)) == 42
