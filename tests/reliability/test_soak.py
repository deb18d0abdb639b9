"""A share of the long run: no file stays open. What memory does shows only in ``make soak``."""

from .soak import Moment, slope, soak


def test_no_file_stays_open(tmp_path):
    moments = soak(tmp_path, 1_000, 100)
    assert [moment.step for moment in moments] == list(range(100, 1_001, 100))
    assert len({moment.files for moment in moments[1:]}) == 1


def test_the_slope_is_that_of_a_line():
    assert abs(slope([Moment(step, 100 + 3e-4 * step, 5, 0.0) for step in range(0, 9_000, 500)]) - 3.0) < 1e-9
