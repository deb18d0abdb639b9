"""The cheapest walk of so many steps, beside all others."""

import time
from itertools import combinations, pairwise

import numpy as np
import pytest

from idm.core.errors import SettingsError
from idm.schedules import cheapest_places


def cost(costs: np.ndarray, places: list[int]) -> float:
    """Sum of the steps from the noisiest place down, and to clean data."""
    down = [*reversed(places), -1]
    return float(sum(costs[i, j + 1] for i, j in pairwise(down)))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_no_other_choice_of_as_many_levels_costs_less(count: int) -> None:
    for seed in range(20):
        costs = np.random.default_rng(seed).random((8, 9))
        costs[np.triu_indices(8, 2, 9)] = -1.0  # steps up, which nobody may take
        others = [[*chosen, 7] for chosen in combinations(range(7), count - 1)]
        found = cheapest_places(costs, count)
        assert found in others
        assert cost(costs, found) == min(cost(costs, other) for other in others)


def test_where_a_step_costs_the_square_of_its_length_all_are_of_one_length() -> None:
    costs = np.square(np.arange(60.0)[:, None] - np.arange(-1.0, 60.0))
    assert cheapest_places(costs, 6) == [9, 19, 29, 39, 49, 59]


def test_ten_of_a_thousand_levels_are_chosen_in_less_than_a_second() -> None:
    costs = np.random.default_rng(0).random((1000, 1001))
    begin = time.perf_counter()
    assert len(cheapest_places(costs, 10)) == 10
    assert time.perf_counter() - begin < 1.0


@pytest.mark.parametrize("count", [0, 9])
def test_other_numbers_of_steps_than_there_are_levels_are_refused(count: int) -> None:
    with pytest.raises(SettingsError, match=r"steps: a number from 1 to 8, .* got"):
        cheapest_places(np.ones((8, 9)), count)
