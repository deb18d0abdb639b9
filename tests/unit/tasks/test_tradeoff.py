"""What a comparison of samplers draws of what it found."""

import pytest

from idm.likelihood import Estimate
from idm.run import Tradeoff
from idm.run.tradeoff import BoundAt, Quality
from idm.tasks.tradeoff import panels_of_tradeoff


def test_bars_are_two_sided_and_cut_only_where_a_log_scale_would_have_none() -> None:
    wide, exact = Estimate(2.0, 5.0), Estimate(2.0, 0.5)
    samples = tuple(Quality("ddim", calls, calls, value, value, None) for calls, value in ((1, wide), (2, exact)))
    bounds = tuple(BoundAt("model", calls, Estimate(value, 1.0)) for calls, value in ((1, -3.0), (2, 1.0)))
    distance, bound = panels_of_tradeoff(Tradeoff(40, 2, samples, bounds, exact, None, None))
    assert bound.curves[0].low == pytest.approx([-4.96, -0.96])
    assert bound.curves[0].high == pytest.approx([-1.04, 2.96])
    low = distance.curves[0].low
    assert 0.0 < low[0] < 2.0
    assert low[1] == pytest.approx(1.02)  # half of the value would be more than the interval reaches to
    assert distance.curves[0].high == pytest.approx([11.8, 2.98])
