"""Chains shifted for larger pictures, chains that end in noise alone, and the straight path, by their formulas."""

import math

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.schedules import SCHEDULES, Grid, NoiseSchedule, cosine_schedule, flow_schedule, linear_schedule, regrid

X = torch.zeros(1, dtype=torch.float64)


@pytest.mark.parametrize("side", [8, 32, 64, 128, 512])
def test_the_log_snr_of_a_shifted_cosine_is_larger_by_2_log_64_over_the_side(side: int) -> None:
    """Hoogeboom et al. 2023, section 3.1."""
    plain, shifted = cosine_schedule(300), cosine_schedule(300, side=side)
    difference = (shifted.levels.log_snr - plain.levels.log_snr).numpy()
    np.testing.assert_allclose(difference, 2.0 * math.log(64 / side), rtol=0, atol=1e-9)


def test_a_shifted_cosine_is_that_of_the_paper_away_from_its_ends() -> None:
    """log SNR = -2 log tan(pi u / 2) + 2 log(64 / side), u shifted by 0.008 as in the plain schedule."""
    levels = cosine_schedule(1000, side=256).levels.log_snr.numpy()
    u = (np.arange(1, 1001) / 1000 + 0.008) / 1.008
    expected = -2.0 * np.log(np.tan(0.5 * np.pi * u)) + 2.0 * math.log(64 / 256)
    # The plain schedule divides abar by its value at 0, 0.99984, which counts where there is little noise.
    np.testing.assert_allclose(levels[300:990], expected[300:990], rtol=0, atol=2e-3)


@pytest.mark.parametrize("make", [linear_schedule, cosine_schedule])
def test_zero_terminal_snr_moves_and_stretches_the_signal(make: type) -> None:
    """sqrt(abar) - sqrt(abar_T), times sqrt(abar_1) / (sqrt(abar_1) - sqrt(abar_T)) (Lin et al. 2024, algorithm 1)."""
    before, after = make(100), make(100, zero_terminal_snr=True)
    alpha = np.sqrt(np.cumprod(1.0 - before.betas))
    expected = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
    np.testing.assert_allclose(after.sqrt_alphas_cumprod, expected, rtol=1e-12, atol=1e-15)
    assert after.alphas_cumprod[-1] == 0.0
    assert after.alphas_cumprod[0] == pytest.approx(before.alphas_cumprod[0], rel=1e-14)
    assert after.betas[-1] == 1.0
    assert after.timesteps.tolist() == before.timesteps.tolist()


def test_a_chain_of_one_step_cannot_end_in_noise_alone() -> None:
    with pytest.raises(SettingsError, match=r"^num_timesteps: at least 2 wanted with zero_terminal_snr=true, got 1"):
        cosine_schedule(1, zero_terminal_snr=True)


ENDING_IN_NOISE: dict[str, Grid] = {
    "linear": linear_schedule(50, zero_terminal_snr=True),
    "cosine": cosine_schedule(50, zero_terminal_snr=True),
    "respaced": cosine_schedule(50, zero_terminal_snr=True).respace(range(1, 50, 4)),
    "flow": flow_schedule(50),
    "two": flow_schedule(2),
}


@pytest.mark.parametrize("grid", ENDING_IN_NOISE.values(), ids=ENDING_IN_NOISE)
def test_the_last_level_is_noise_alone_and_its_step_is_finite(grid: Grid) -> None:
    last = grid.transition(grid.num_timesteps - 1, X)
    assert (float(last.up.alpha), float(last.up.sigma), float(last.up.kappa)) == (0.0, 1.0, math.inf)
    # Nothing of x_0 is in x: its posterior is the marginal of the level below.
    assert float(last.posterior_mean_coef1) == float(last.down.alpha)
    assert float(last.posterior_mean_coef2) == 0.0
    assert float(last.posterior_variance) == pytest.approx(float(last.down.sigma) ** 2, rel=1e-14)
    assert float(last.log_beta) == 0.0


@pytest.mark.parametrize("grid", ENDING_IN_NOISE.values(), ids=ENDING_IN_NOISE)
def test_between_its_steps_levels_have_the_ratio_that_they_are_asked_for(grid: Grid) -> None:
    ratios = np.geomspace(0.5, 1e4, 60)
    levels = grid.of_ratios(ratios).levels
    np.testing.assert_allclose(levels.kappa.numpy(), ratios, rtol=1e-6)
    np.testing.assert_allclose((levels.alpha**2 + levels.sigma**2).numpy()[:1] > 0, True)
    assert bool((levels.time[1:] > levels.time[:-1]).all())
    assert float(regrid(grid, 10, "log_snr").levels.kappa[-1]) == pytest.approx(20.0, rel=1e-9)


def test_on_the_way_to_noise_alone_the_signal_falls_evenly() -> None:
    grid = cosine_schedule(50, zero_terminal_snr=True)
    times = np.array([48.0, 48.25, 48.5, 49.0])
    alpha = grid.at_times(times, torch.zeros(4, dtype=torch.float64)).alpha.numpy()
    np.testing.assert_allclose(alpha, grid.sqrt_alphas_cumprod[48] * np.array([1.0, 0.75, 0.5, 0.0]), atol=1e-15)


def test_the_straight_path_has_equal_steps_from_1_over_t_to_1() -> None:
    grid = flow_schedule(4)
    np.testing.assert_array_equal(grid.levels.alpha.numpy(), [0.75, 0.5, 0.25, 0.0])
    np.testing.assert_array_equal(grid.levels.sigma.numpy(), [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_array_equal(grid.times, grid.schedule_times)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_floor_leaves_a_level_with_signal_and_what_it_leaves_out_is_known(name: str) -> None:
    grid = SCHEDULES.build(name, {"num_timesteps": 40})
    floored = grid.with_noise_floor(0.5)
    assert len(floored.schedule_times) == 40
    assert float(floored.levels.sigma[0]) >= 0.5
    assert floored.num_timesteps == int((grid.levels.sigma >= 0.5).sum())
    highest = float(grid.levels.sigma[grid.levels.alpha > 0][-1])
    if highest < 0.99999:  # else the next number is no floor
        with pytest.raises(SettingsError, match=f"^noise_floor: a number from 0 to {highest:.4g} wanted, got 0.9999"):
            grid.with_noise_floor(0.9999)


@pytest.mark.parametrize("wrong", [0, 1, -3, 2_000_000])
def test_numbers_of_steps_that_the_straight_path_cannot_have_are_refused(wrong: int) -> None:
    with pytest.raises(SettingsError, match=r"^num_timesteps: at "):
        flow_schedule(wrong)


def test_a_side_of_no_pixels_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^side: at least 1 wanted, got 0"):
        cosine_schedule(10, side=0)


def test_noise_alone_is_no_chain() -> None:
    with pytest.raises(SettingsError, match=r"all but the last leave some signal"):
        NoiseSchedule(np.array([0.0]), np.arange(1), 1)
