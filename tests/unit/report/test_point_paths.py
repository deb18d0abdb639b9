"""Points that move are drawn where they are."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.report.point_paths import beside_data, paths_of, points_at, round_trip

BEHIND = np.array([[0.0, 0.0], [5.0, 5.0]])
NAMES = ["east", "north"]


def offsets(figure, place):
    return np.asarray(figure.axes[0].collections[place].get_offsets()).tolist()


def test_every_moment_has_a_figure_with_its_name():
    figures = points_at([("t = 1", np.array([[1.0, 2.0]])), ("done", np.array([[3.0, 4.0]]))])
    assert [figure.axes[0].get_title("left") for figure in figures] == ["t = 1", "done"]
    assert [offsets(figure, 0) for figure in figures] == [[[1.0, 2.0]], [[3.0, 4.0]]]


def test_points_of_one_coordinate_lie_on_a_line():
    assert offsets(points_at([("t", np.array([[1.0], [2.0]]))])[0], 0) == [[1.0, 0.0], [2.0, 0.0]]


def test_ways_lead_through_their_places_before_the_data():
    figure = paths_of([np.array([[1.0, 1.0], [2.0, 3.0]])], BEHIND, NAMES)
    assert offsets(figure, 0) == BEHIND.tolist()
    assert np.asarray(figure.axes[0].lines[0].get_xydata()).tolist() == [[1.0, 1.0], [2.0, 3.0]]
    assert figure.axes[0].get_xlabel() == "east"


def test_what_came_back_lies_over_what_went():
    figure = round_trip(np.array([[1.0, 1.0]]), np.array([[1.5, 1.0]]), BEHIND, NAMES)
    assert [offsets(figure, place) for place in (1, 2)] == [[[1.0, 1.0]], [[1.5, 1.0]]]
    assert offsets(beside_data(np.array([[2.0, 2.0]]), BEHIND, NAMES, "t"), 1) == [[2.0, 2.0]]


def test_no_points_are_refused():
    with pytest.raises(DataError, match="at least one point wanted"):
        points_at([("t", np.zeros((0, 2)))])
