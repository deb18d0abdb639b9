"""Walks that are recorded, and how far single steps beside them are off."""

import time
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

import idm
from idm.core.errors import NumericalError, SettingsError
from idm.diffusion import Denoised, GaussianDiffusion
from idm.oracles import GaussianDenoiser
from idm.samplers import SamplerDDIM, Trajectories, cheapest_places, record, step_errors
from idm.schedules import Level, cosine_schedule, regrid

PROCESS = GaussianDiffusion(regrid(cosine_schedule(100), 7, "log_snr"))
SAMPLER = SamplerDDIM(PROCESS, clip_denoised=False)
NOISE = torch.randn(5, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def recorded(batch_size: int = 256, listener: idm.Listener = idm.SILENT) -> Trajectories:
    model = GaussianDenoiser(PROCESS, torch.zeros(1), torch.linspace(0.1, 1.0, 3))
    return record(SAMPLER, SAMPLER.denoiser(model), NOISE, batch_size=batch_size, listener=listener)


def test_states_are_those_of_the_walk_and_their_x_0_takes_each_to_the_next() -> None:
    walks = recorded()
    assert walks.states.shape == (8, 5, 2, 3)
    assert walks.x_starts.shape == (7, 5, 2, 3)
    assert torch.equal(walks.at(6), NOISE)
    for i in range(7):
        below = PROCESS.grid.transition(i, NOISE).ddim(walks.x_starts[i], walks.at(i))
        torch.testing.assert_close(walks.at(i - 1), below)


def test_batches_change_nothing_and_are_counted() -> None:
    heard: list[idm.Event] = []
    walks, parts = recorded(), recorded(2, idm.Calls(heard.append, least_seconds=0.0))
    torch.testing.assert_close(parts.states, walks.states)
    torch.testing.assert_close(parts.x_starts, walks.x_starts)
    assert (heard[-1].done, heard[-1].total) == (5, 5)


@pytest.mark.parametrize("power", [1.1, 2.0])
def test_errors_of_steps_are_distances_from_the_recorded_states(power: float) -> None:
    walks = recorded()
    found = step_errors(walks, power)
    assert found.shape == (7, 8)
    levels = PROCESS.grid.levels
    for i in range(7):
        for j in range(-1, i):
            alpha, sigma = (1.0, 0.0) if j < 0 else (levels.alpha[j], levels.sigma[j])
            eps = (walks.at(i) - levels.alpha[i] * walks.x_starts[i]) / levels.sigma[i]
            off = (alpha * walks.x_starts[i] + sigma * eps - walks.at(j)).flatten(1).norm(dim=1)
            np.testing.assert_allclose(found[i, j + 1], float((off**power).mean()), rtol=1e-6, atol=1e-7)
    assert (found[np.triu_indices(7, 2, 8)] == 0).all()


@pytest.mark.parametrize("count", range(1, 8))
def test_no_other_choice_of_as_many_levels_is_off_by_less_in_sum(count: int) -> None:
    walks = recorded()
    errors = step_errors(walks)

    def total(places: list[int]) -> float:
        return float(sum(errors[i, j + 1] for i, j in pairwise([*reversed(places), -1])))

    others = [[*chosen, 6] for chosen in combinations(range(6), count - 1)]
    assert cheapest_places(walks, count) == min(others, key=total)


@pytest.mark.parametrize("count", [0, 8])
def test_other_numbers_of_steps_than_there_are_levels_are_refused(count: int) -> None:
    with pytest.raises(SettingsError, match=r"steps: a number from 1 to 7 wanted, got"):
        cheapest_places(recorded(), count)


def test_ten_of_a_thousand_levels_are_chosen_in_less_than_a_second_of_a_processor() -> None:
    grid = regrid(cosine_schedule(1000), 1000, "log_snr")
    walks = Trajectories(grid, torch.randn(1001, 1, 4), torch.randn(1000, 1, 4))
    begin = time.process_time()
    assert len(cheapest_places(walks, 10)) == 10
    assert time.process_time() - begin < 1.0


def test_what_is_not_finite_is_refused() -> None:
    class Broken:
        def __call__(self, x: Tensor, at: Level) -> Denoised:
            return Denoised(x / 0.0, x / 0.0)

        def select(self, rows: Tensor) -> "Broken":
            return self

    with pytest.raises(NumericalError):
        record(SAMPLER, Broken(), NOISE)
