"""Figures show the numbers they are given, and hide none of them."""

import io
import re
from html import unescape

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from idm.core.errors import DataError
from idm.report import bound_by_timestep, loss_curve, png, scatter, svg
from idm.report.figures import pdf
from idm.report.over_training import traces_of

ROWS = [{"step": 10.0, "held_out_bpd": 3.0}, {"step": 20.0, "held_out_bpd": 2.0}]


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_the_bound_is_drawn_at_t_plus_1_with_its_running_sum():
    terms, running = bound_by_timestep([0.5, 0.2, 0.1], [0.1, float("nan"), 0.0], [0, 4, 9]).axes
    np.testing.assert_allclose(lines(terms)["term of step t"], [[1, 0.5], [5, 0.2], [10, 0.1]])
    np.testing.assert_allclose(lines(running)["sum from the decoder to step t"], [[1, 0.5], [5, 0.7], [10, 0.8]])
    assert (terms.get_yscale(), terms.get_xscale()) == ("log", "log")


def test_a_term_below_zero_is_shown_on_a_linear_scale():
    assert bound_by_timestep([0.5, -0.2], [0.1, 0.1], [0, 1]).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    "means", [[0.5, 0.05], [0.9, 0.5, 0.3, 0.2], [0.1, 0.2, 0.3, 0.9], list(np.geomspace(1, 1e-4, 50))]
)
def test_the_legends_of_the_bound_cover_no_point(means):
    figure = bound_by_timestep(means, [0.0] * len(means), range(len(means)))
    png(figure)  # places the legends
    for axes in figure.axes:
        box = axes.get_legend().get_window_extent()
        for line in axes.lines:
            assert not any(box.contains(x, y) for x, y in axes.transData.transform(line.get_xydata()))


@pytest.mark.parametrize(("means", "errors", "steps"), [([], [], []), ([1.0], [], [0]), ([1.0], [0.1], [0, 1])])
def test_lists_of_different_lengths_are_refused(means, errors, steps):
    with pytest.raises(DataError, match="as many means, standard errors and timesteps wanted"):
        bound_by_timestep(means, errors, steps)


def test_the_loss_is_drawn_whole_and_by_quarters():
    rows = [{"step": 10.0, "loss": 1.0, "mse_q0": 2.0, "mse": 1.0}, {"step": 20.0, "loss": 0.5}]
    drawn = lines(loss_curve(rows).axes[0])
    np.testing.assert_allclose(drawn["loss, all t"], [[10, 1], [20, 0.5]])
    np.testing.assert_allclose(drawn["mse, least noisy quarter of t"], [[10, 2]])
    with pytest.raises(DataError, match="at least one line"):
        loss_curve([])


def test_a_term_next_to_nothing_does_not_stretch_the_axis():
    bottom, _ = bound_by_timestep([2.0, 1e-3, 1e-28], [0.1, 1e-5, 0.0], [0, 1, 2]).axes[0].get_ylim()
    assert bottom == pytest.approx(1e-7)  # half of the smallest share of 2
    bottom, _ = bound_by_timestep([2.0, 1e-3], [0.0, 0.0], [0, 1]).axes[0].get_ylim()
    assert bottom == pytest.approx(5e-4)


def test_figures_become_png_and_svg():
    figure = scatter(np.zeros((3, 2)))
    assert Image.open(io.BytesIO(png(figure))).size == tuple(np.rint(figure.get_size_inches() * 150).astype(int))
    assert svg(figure).startswith("<svg")


def test_times_of_a_path_that_ends_at_1_are_drawn_as_they_are():
    terms = bound_by_timestep([2.0, 0.5, 0.1], [0.1, 0.1, 0.0], [0.2, 0.6, 1.0]).axes[0]
    assert terms.lines[0].get_xdata().tolist() == [0.2, 0.6, 1.0]
    assert terms.get_xlabel().startswith("t (log scale)")


NAMES = ["cost $1 to $2", r"$\frac{$", r"a\$b$c", "100 $"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_dollars_is_written_as_it_is(name, monkeypatch):
    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")  # texts stay texts
    figure = traces_of({name: ROWS, "other": ROWS})[0]
    figure.axes[0].set(title=name, xlabel=name, ylabel=name)
    texts = [unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", svg(figure))]
    assert texts.count(name) == 4
    assert png(figure).startswith(b"\x89PNG")
    assert pdf(figure).startswith(b"%PDF")


def test_powers_of_ten_at_an_axis_are_no_letters_of_a_formula(monkeypatch):
    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    drawn = svg(bound_by_timestep([1.0, 1e-3], [0.1, 1e-4], [0, 1]))
    assert "$" not in re.sub(r"<!--.*?-->", "", drawn, flags=re.DOTALL)
    assert "mathdefault" not in re.sub(r"<!--.*?-->", "", drawn, flags=re.DOTALL)
