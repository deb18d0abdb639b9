"""The cheapest walk over levels: compared with every walk there is."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idm.core.errors import SettingsError
from idm.schedules import cheapest_walk


@given(st.integers(1, 7), st.integers(0, 2**32 - 1), st.data())
def test_no_walk_over_as_many_places_costs_less(number: int, seed: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, number))
    rng = np.random.default_rng(seed)
    last, first, between = rng.normal(size=number), rng.normal(size=number), rng.normal(size=(number, number))

    def cost(walk: tuple[int, ...]) -> float:
        return float(last[walk[0]] + first[walk[-1]] + sum(between[a, b] for a, b in pairwise(walk)))

    best = min(combinations(range(number), count), key=cost)
    found = cheapest_walk(last, between, first, count)
    assert cost(tuple(found)) == pytest.approx(cost(best), abs=1e-12)
    assert found == sorted(set(found))
    assert len(found) == count


@pytest.mark.parametrize("count", [0, -1, 4])
def test_other_numbers_of_steps_are_refused(count: int) -> None:
    with pytest.raises(SettingsError, match="steps: a number from 1 to 3 wanted"):
        cheapest_walk(np.zeros(3), np.zeros((3, 3)), np.zeros(3), count)
