"""What is recorded beside losses has a curve for each run that has it."""

import numpy as np
import pytest

from idm.report.levels import memorisation_clock
from idm.report.over_training import traces_of

ROWS = [
    {"step": 10.0, "loss": 1.0},
    {"step": 20.0, "loss": 0.9, "held_out_bpd": 3.0, "held_out_bpd_error": 0.1},
    {"step": 40.0, "loss": 0.8, "held_out_bpd": 2.5},
]


def test_lines_that_have_a_number_are_drawn_with_its_error():
    (figure,) = traces_of({"one": ROWS, "two": ROWS[:2], "without": ROWS[:1]})
    curves = [bar.lines[0] for bar in figure.axes[0].containers]
    assert [np.asarray(curve.get_xydata()).tolist() for curve in curves] == [[[20.0, 3.0], [40.0, 2.5]], [[20.0, 3.0]]]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["one", "two"]


def test_a_curve_of_one_of_several_runs_is_named_and_has_the_colour_of_its_place():
    figures = [traces_of(runs)[0] for runs in ({"without": ROWS[:1], "two": ROWS}, {"one": ROWS, "two": ROWS})]
    assert [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()] == ["two"]
    alone, beside = (figure.axes[0].containers[-1].lines[0].get_color() for figure in figures)
    assert alone == beside


def test_nothing_is_drawn_where_nothing_was_recorded():
    assert traces_of({"one": ROWS[:1]}) == []


@pytest.mark.parametrize("error", [-0.1, float("nan"), float("inf")])
def test_an_error_that_cannot_be_one_is_not_drawn(error):
    row = {"step": 20.0, "memorised": 0.3, "memorised_error": error}
    (of_runs,), clock = traces_of({"one": [row]}), memorisation_clock([row])
    for figure in (of_runs, clock):
        (_, _, (bars,)) = figure.axes[0].containers[0]
        assert bars.get_segments()[0].tolist() == [[20.0, 0.3], [20.0, 0.3]]
