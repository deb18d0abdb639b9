"""What a page may cost decides how many samples are drawn, compared and scored."""

import pytest

from idm.core.errors import SettingsError
from idm.tasks.reporting import Effort
from idm.tasks.reporting.effort import FEWEST_CARRIED, FEWEST_SAMPLES, MOST_CARRIED, MOST_SAMPLES


def test_shares_of_the_budget_are_spent_and_not_more():
    effort = Effort(100_000)
    assert effort.samples(100) == 300  # 30 % of the calls
    assert effort.compared(100) == 300  # three quarters of 40 %
    assert effort.compared_held_out(100, 1_000) == 100  # the other quarter
    assert effort.scored(20, 10_000) == 500  # half of 20 %
    assert effort.scored_by_term(400, 1_000) == 25
    assert effort.carried(100) == 50  # half of 10 %


def test_a_small_budget_still_pays_for_what_can_be_looked_at_and_a_large_one_for_no_more_than_that():
    least, most = Effort(1_000), Effort(10**9)
    assert least.samples(1_000) == least.scored(1_000, 500) == FEWEST_SAMPLES
    assert least.carried(1_000) == FEWEST_CARRIED
    assert most.samples(1) == MOST_SAMPLES
    assert most.scored(1, 500) == 500  # all that are held out
    assert most.carried(1) == MOST_CARRIED
    assert least.scored(1, 3) == 3


def test_the_whole_bound_is_evaluated_where_its_share_has_room_for_it():
    assert Effort(10_000).fits_whole(steps=20, available=100)  # 2,000 calls, 20 %
    assert not Effort(10_000).fits_whole(steps=20, available=101)


def test_too_little_is_refused():
    with pytest.raises(SettingsError, match="budget: at least 1000 wanted, got 999"):
        Effort(999)
