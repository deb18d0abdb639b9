"""Figures of steps show the numbers they are given."""

import numpy as np
import torch

from idm.likelihood import VLB, VarianceFractions
from idm.report import png
from idm.report.blocks import Picture
from idm.report.demo_contents import Bound
from idm.report.demo_page import _bound
from idm.report.steps import learned_and_best, levels_of_walks


def test_each_walk_has_a_row_of_its_levels_the_first_on_top():
    (axes,) = levels_of_walks({"mine-3": [0.1, 2.0, 20.0], "linspace": [0.1, 9.0]}).axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0.1, 0], [2.0, 0], [20.0, 0]])
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[0.1, -1], [9.0, -1]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mine-3", "linspace, 2 levels"]
    assert axes.get_xscale() == "log"


def test_what_was_learned_is_drawn_beside_the_best():
    figure = learned_and_best(VarianceFractions([0.1, 1.0], [0.4, 0.5], [0.2, 0.3], [0.6, 0.7], [0.3, 0.1]))
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
    np.testing.assert_allclose(drawn["learned, mean"], [[0.1, 0.4], [1.0, 0.5]])
    np.testing.assert_allclose(drawn["best, if the same for all values"], [[0.1, 0.3], [1.0, 0.1]])
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    assert {tuple(corner) for corner in corners.round(6).tolist()} == {(0.1, 0.2), (0.1, 0.6), (1.0, 0.3), (1.0, 0.7)}
    assert png(figure).startswith(b"\x89PNG")


def test_the_demo_page_shows_what_was_learned_where_that_is_known():
    fractions = VarianceFractions([0.1, 1.0], [0.4, 0.5], [0.2, 0.3], [0.6, 0.7], [0.3, 0.1])
    terms = torch.full((4, 3), 0.5)
    vlb = VLB(terms.sum(1), terms[:, 0], terms, terms, terms)
    for known, parts in ((fractions, 2), (None, 1)):
        blocks = _bound(Bound(vlb, [0, 4, 9], 2.0, known))
        assert sum(isinstance(block, Picture) for block in blocks) == parts
