"""A share of the long run: no file stays open. What memory does shows only in ``make soak``."""

import gc

import pytest

from .soak import Moment, slope, slowdown, soak


def test_no_file_stays_open(tmp_path):
    gc.collect()  # files of earlier tests that nobody holds any more
    moments = soak(tmp_path, 1_000, 100)
    assert [moment.step for moment in moments] == list(range(100, 1_001, 100))
    assert len({moment.files for moment in moments[1:]}) == 1


def test_the_slope_is_that_of_a_line():
    assert abs(slope([Moment(step, 100 + 3e-4 * step, 5, 0.0) for step in range(0, 9_000, 500)]) - 3.0) < 1e-9


def test_the_slowdown_is_that_of_the_medians_of_two_tenths():
    def run(*costs):  # of 20 intervals, of which the second tenth is the third and fourth
        times = [sum(costs[:done]) for done in range(len(costs) + 1)]
        return [Moment(1_000 * number, 100.0, 5, time) for number, time in enumerate(times)]

    assert slowdown(run(9.0, 9.0, *[2.0] * 18)) == 1.0
    assert slowdown(run(9.0, 9.0, *[2.0] * 16, 3.0, 3.0)) == 1.5
    assert slowdown(run(*range(1, 21))) == pytest.approx(19.5 / 3.5)
