"""The two named schedules against their definitions and published values."""

import math

import numpy as np
import pytest

from idm.core.errors import SettingsError
from idm.schedules import cosine_schedule, linear_schedule


@pytest.mark.parametrize("number", [21, 50, 1000, 4000])
def test_linear_betas_run_from_1e_4_to_0_02_times_1000_over_t(number: int) -> None:
    betas = linear_schedule(number).betas
    expected = [0.1 / number + (20.0 - 0.1) / number * i / (number - 1) for i in range(number)]
    np.testing.assert_allclose(betas, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("number", "last"), [(1000, 4.0e-5), (4000, 4.2e-5)])
def test_the_linear_schedule_ends_at_the_published_level_for_any_length(number: int, last: float) -> None:
    assert linear_schedule(number).alphas_cumprod[-1] == pytest.approx(last, rel=0.02)


@pytest.mark.parametrize("number", [20, 19, 5, 1, 0, -1])
def test_too_few_linear_steps_are_refused_with_the_smallest_number_and_a_way_out(number: int) -> None:
    with pytest.raises(SettingsError, match=f"at least 21 steps .* got {number}; take the cosine schedule"):
        linear_schedule(number)


@pytest.mark.parametrize("number", range(21, 40))
def test_every_number_of_linear_steps_from_21_has_finite_tables(number: int) -> None:
    schedule = linear_schedule(number)
    for name in ("sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_log_variance_clipped"):
        assert np.isfinite(getattr(schedule, name)).all()


@pytest.mark.parametrize("number", [1, 2, 3, 10, 1000, 4000])
def test_cosine_levels_are_ratios_of_squared_cosines_with_the_last_beta_alone_clipped(number: int) -> None:
    schedule = cosine_schedule(number)
    level = [math.cos((i / number + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(number + 1)]
    np.testing.assert_allclose(schedule.alphas_cumprod[:-1], np.array(level[1:-1]) / level[0], rtol=1e-11)
    assert schedule.betas[-1] == pytest.approx(0.999, rel=1e-12)


@pytest.mark.parametrize(("number", "last", "first"), [(1000, 2.4e-9, 0.82), (4000, 1.5e-10, 0.40)])
def test_the_cosine_schedule_begins_and_ends_at_the_published_levels(number: int, last: float, first: float) -> None:
    schedule = cosine_schedule(number)
    assert schedule.alphas_cumprod[-1] == pytest.approx(last, rel=0.03)
    assert math.sqrt(schedule.betas[0]) * 127.5 == pytest.approx(first, abs=0.006)  # grey levels
