"""Densities over levels: masses by quadrature of the papers' formulas, and expectations under importance weights."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.core.rng import Rng
from idm.schedules import SCHEDULES, Grid, cosine_schedule, flow_schedule
from idm.timesteps import TIMESTEP_SAMPLERS, LevelDensity

GRIDS: dict[str, Grid] = {
    "cosine": cosine_schedule(60),
    "zero": cosine_schedule(60, zero_terminal_snr=True),
    "flow": flow_schedule(60),
    "floored": flow_schedule(60).with_noise_floor(0.1),
    "few": cosine_schedule(60).respace([0, 20, 40, 59]),
}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
PLACES = 20_001
"""Of each quadrature."""


def normal(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)


def logit_normal(grid: Grid, time: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Esser et al. 2024, eq. 19, in t / span."""
    t = time / grid.path.span
    return normal((np.log(t / (1.0 - t)) - mean) / std) / (std * t * (1.0 - t))


def log_kappa(grid: Grid, time: np.ndarray) -> np.ndarray:
    alpha, sigma = grid.path.at(time)
    return np.log(sigma / alpha)


def edges(grid: Grid) -> np.ndarray:
    """Half-way between levels in time, and as far beyond the ends, where there is a path."""
    times = grid.times
    middle = (times[1:] + times[:-1]) / 2
    first, last = times[0] - (middle[0] - times[0]), times[-1] + (times[-1] - middle[-1])
    return np.array([max(first, 0.0), *middle, min(last, grid.path.span)])


def build(name: str, grid: Grid, **options: Any) -> LevelDensity:
    return TIMESTEP_SAMPLERS.build(name, options, num_timesteps=grid.num_timesteps, grid=grid)


def expected_share(masses: np.ndarray, uniform_prob: float) -> np.ndarray:
    return (1.0 - uniform_prob) * masses / masses.sum() + uniform_prob / len(masses)


@every_grid
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.7, 0.4)])
def test_logit_normal_has_the_mass_of_its_density_around_each_step(grid: Grid, mean: float, std: float) -> None:
    ends = edges(grid)
    masses: list[float] = []
    for low, high in itertools.pairwise(ends.tolist()):
        middle = low + (high - low) * (np.arange(PLACES) + 0.5) / PLACES
        masses.append(float(logit_normal(grid, middle, mean, std).mean() * (high - low)))
    ours = build("logit_normal", grid, mean=mean, std=std, uniform_prob=0.02).weights().numpy()
    np.testing.assert_allclose(ours, expected_share(np.array(masses), 0.02), rtol=1e-4)


@every_grid
@pytest.mark.parametrize(
    ("name", "options", "density"),
    [
        ("log_normal", {}, lambda x: normal((x + 1.2) / 1.2)),
        ("log_normal", {"mean": 0.4, "std": 2.0}, lambda x: normal((x - 0.4) / 2.0)),
        ("log_snr_uniform", {}, lambda x: ((-2 * x > -12) & (-2 * x < 12) & (-2 * x > -6)).astype(float)),
        ("log_snr_uniform", {"lowest": -3.0, "highest": 2.0}, lambda x: ((-2 * x > -3) & (-2 * x < 2)).astype(float)),
    ],
)
def test_densities_of_log_kappa_have_their_mass_around_each_step(
    grid: Grid, name: str, options: dict[str, float], density: Callable[[np.ndarray], np.ndarray]
) -> None:
    with np.errstate(divide="ignore"):
        ends = log_kappa(grid, edges(grid)).clip(-20.0, 20.0)  # beyond, none of them has any mass
    masses: list[float] = []
    for low, high in itertools.pairwise(ends.tolist()):
        middle = low + (high - low) * (np.arange(PLACES) + 0.5) / PLACES
        masses.append(float(density(middle).mean() * (high - low)))
    ours = build(name, grid, uniform_prob=0.1, **options).weights().numpy()
    np.testing.assert_allclose(ours, expected_share(np.array(masses), 0.1), rtol=3e-4, atol=1e-6)


DENSITIES = ["logit_normal", "log_normal", "log_snr_uniform"]
every_density = pytest.mark.parametrize("name", DENSITIES)


@every_density
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_importance_sampling_leaves_every_expectation_as_the_uniform_has_it(name: str, schedule: str) -> None:
    """Sum over steps of p_t, the weight of a draw, and a function: exactly its mean over the steps."""
    grid = SCHEDULES.build(schedule, {"num_timesteps": 50})
    sampler = build(name, grid, importance=True)
    p = sampler.weights() / sampler.weights().sum()
    weights = torch.zeros(50, dtype=torch.float64)
    for seed in range(400):
        t, weight = sampler.draw(Rng.from_seed(seed << 20, 2_000), 0)
        weights[t] = weight.double()
    assert bool((weights > 0).all())
    for function in (torch.ones(50), torch.arange(50) ** 3.0, torch.randn(50, generator=torch.manual_seed(0))):
        ours = float((p * weights * function.double()).sum())
        assert ours == pytest.approx(float(function.double().mean()), rel=1e-6, abs=1e-6)


@every_density
def test_without_importance_every_draw_counts_alike_and_the_density_is_what_is_expected(name: str) -> None:
    sampler = build(name, cosine_schedule(20))
    t, importance = sampler.draw(Rng.from_seed(0, 200_000), 0)
    assert torch.equal(importance, torch.ones(200_000))
    share = torch.bincount(t, minlength=20) / 200_000
    # Five standard errors of a share.
    spread = (sampler.weights() * (1.0 - sampler.weights()) / 200_000).sqrt()
    assert bool(((share - sampler.weights()).abs() < 5.0 * spread).all())


@every_density
def test_no_step_is_forgotten_and_probabilities_sum_to_one(name: str) -> None:
    for grid in GRIDS.values():
        weights = build(name, grid).weights()
        assert float(weights.min()) >= 0.05 / grid.num_timesteps
        assert float(weights.sum()) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("logit_normal", {"std": 0.0}, "std: a number > 0 wanted, got 0.0"),
        ("log_normal", {"uniform_prob": 0.0}, "uniform_prob: a number > 0, <= 1 wanted, got 0.0"),
        ("log_normal", {"uniform_prob": 1.5}, "uniform_prob: a number > 0, <= 1 wanted, got 1.5"),
        ("log_snr_uniform", {"lowest": 3.0, "highest": 1.0}, "lowest: less than highest=1.0 wanted, got 3.0"),
        ("log_normal", {"mean": 500.0, "std": 0.1}, "mean: a density with levels of the schedule wanted"),
        ("log_snr_uniform", {"lowest": 90.0, "highest": 91.0}, "lowest: a density with levels of the schedule wanted"),
    ],
)
def test_options_that_make_no_density_are_refused(name: str, options: dict[str, float], said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        build(name, cosine_schedule(20), **options)
    assert refusal.value.lines[0].startswith(said)
