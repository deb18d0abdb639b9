"""Figures of metrics beside their nulls: where a dot lies follows from the null's interval."""

import math

import pytest

from idm.core.errors import DataError
from idm.metrics import Better, Figure, Null
from idm.report.forest import FARTHEST, beside_nulls, distance

NULL = Null(mean=10.0, lower=8.0, upper=14.0, num=399, p_value=0.5)


@pytest.mark.parametrize(
    ("value", "better", "expected"),
    [
        (14.0, Better.LOWER, 1.0),  # the end of the interval
        (18.0, Better.LOWER, 2.0),
        (8.0, Better.LOWER, -1.0),
        (8.0, Better.HIGHER, 1.0),
        (12.0, Better.HIGHER, -0.5),
        (9.0, Better.NEAR_NULL, 0.5),
        (12.0, Better.NEAR_NULL, 0.5),
        (10.0, Better.NEAR_NULL, 0.0),
        (1e9, Better.LOWER, FARTHEST),
    ],
)
def test_a_distance_is_in_half_widths_of_its_side_and_worse_is_above_0(value, better, expected):
    assert distance(Figure("one", value, better=better, null=NULL)) == pytest.approx(expected)


def test_what_has_no_null_or_no_number_has_no_distance():
    assert math.isnan(distance(Figure("one", 1.0)))
    assert math.isnan(distance(Figure("one", math.nan, null=NULL)))


def test_a_null_without_width_knows_only_its_mean():
    flat = Null(0.0, 0.0, 0.0, 399, 1.0)
    assert distance(Figure("one", 0.0, null=flat)) == 0.0
    assert distance(Figure("one", 0.1, null=flat)) == FARTHEST


def test_every_run_has_a_dot_in_the_row_of_each_figure():
    first = [Figure("a", 14.0, null=NULL), Figure("b", 10.0, null=NULL), Figure("c", 1.0)]
    drawing = beside_nulls({"one": first, "two": [Figure("b", 18.0, null=NULL)]})
    axes = drawing.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    dots = {line.get_label(): list(line.get_xdata()) for line in axes.lines if line.get_marker() not in ("None", None)}
    assert dots == {"one": [1.0, 0.0], "two": [2.0]}


def test_without_a_null_there_is_nothing_to_draw():
    with pytest.raises(DataError, match="at least one number with a null wanted"):
        beside_nulls({"one": [Figure("a", 1.0)]})
