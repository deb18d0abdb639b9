"""Intervals of shares: Wilson's, whose ends solve (p - share)^2 = z^2 p (1 - p) / n."""

import pytest

from idm.core.estimate import share_interval

Z = 1.959964


@pytest.mark.parametrize(("share", "num"), [(0.0, 12), (1.0, 12), (0.5, 1), (0.9, 40), (0.333, 3_000)])
def test_ends_of_the_interval_solve_the_score_equation(share: float, num: int) -> None:
    for end in share_interval(share, num):
        assert num * (end - share) ** 2 == pytest.approx(Z**2 * end * (1.0 - end), abs=1e-9)


def test_all_of_a_few_is_not_all_for_sure() -> None:
    assert share_interval(1.0, 12) == (pytest.approx(12 / (12 + Z**2)), pytest.approx(1.0))
    assert share_interval(0.0, 12) == (pytest.approx(0.0, abs=1e-12), pytest.approx(Z**2 / (12 + Z**2)))
