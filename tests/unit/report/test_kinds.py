"""Each kind of data has its picture: values where and as they are, texts apart, no more than is readable."""

import logging
import logging.handlers
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from idm.core.errors import DataError
from idm.data import Codec
from idm.report import Shown, picture_for, scatter
from idm.report.kinds import (
    FieldPicture,
    ImagePicture,
    PointPicture,
    SignalPicture,
    VolumePicture,
    panels,
    points,
    signals,
)
from idm.report.kinds.panels import LEAST_NAMED_PIXELS, MOST_PIXELS, viridis
from idm.report.kinds.point_marks import Colouring, Marks

BYTES = Codec.quantized("uint8", 256)


def floats(channels, offset=0.0, scale=1.0, bounded=True):
    return Codec("float32", None, (offset,) * channels, (scale,) * channels, bounded)


@pytest.fixture
def figures(monkeypatch):
    """Collect figures in place of turning them into pixels."""
    drawn = []
    for module in (signals, points):
        monkeypatch.setattr(module, "raster", lambda figure: drawn.append(figure) or Image.new("RGB", (1, 1)))
    return drawn


@pytest.mark.parametrize(
    ("shape", "codec", "names", "kind"),
    [
        ((2,), floats(2), None, PointPicture),
        ((2, 50), floats(2), None, SignalPicture),
        ((1, 8, 8), BYTES, None, ImagePicture),
        ((1, 8, 8), Codec.quantized("uint16", 65_536), None, ImagePicture),
        ((3, 8, 8), BYTES, None, ImagePicture),
        ((3, 8, 8), floats(3), None, ImagePicture),
        ((3, 8, 8), floats(3), ("u", "v", "w"), FieldPicture),
        ((1, 8, 8), floats(1), None, FieldPicture),
        ((5, 8, 8), BYTES, None, FieldPicture),
        ((1, 4, 8, 8), BYTES, None, VolumePicture),
    ],
)
def test_the_kind_of_data_chooses_the_picture(shape, codec, names, kind):
    picture = picture_for(Shown(shape, codec, names))
    assert type(picture) is kind
    assert 1 <= picture.columns(5) <= 5
    for x in (torch.zeros(0, *shape), torch.zeros(1, *shape, 2)):
        with pytest.raises(DataError, match=f"samples of {' x '.join(map(str, shape))} wanted"):
            picture.draw(x)


def overlaps(figure):
    """Pairs of texts that share pixels, and texts that leave the figure."""
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in (*axes.texts, axes._left_title)] + figure.texts
    for axes in (each for each in figure.axes if each.axison):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [axis.label, *(tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)]
    texts = [text for text in texts if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts]
    outside = [name for name, box in boxes if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.x1 + 1]
    return outside + [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


@pytest.mark.parametrize("columns", [None, 10])
@pytest.mark.parametrize(
    ("channels", "names", "rate"),
    [(1, None, None), (2, ("a very long name of a channel", "b"), 250.0), (12, None, 1e4), (40, None, None)],
)
def test_no_text_of_signals_covers_another(figures, channels, names, rate, columns):
    shown = Shown((channels, 300), floats(channels, 1234.5, 0.125), names, rate, units=names and ("mV", "mmHg"))
    above = [f"class {i}" for i in range(columns or 0)]
    picture_for(shown).draw(torch.zeros(20, channels, 300), columns=columns, names=above)
    assert overlaps(figures[0]) == []


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_no_text_of_points_covers_another(count):
    rng, names = np.random.default_rng(0), [f"a long name of column {i}" for i in range(count)]
    assert overlaps(scatter(rng.normal(1234.5, 100.0, (50, count)), names)) == []


@pytest.mark.parametrize("count", [2, 3])
def test_marks_stand_at_their_values_and_are_lines_where_one_coordinate_is_unknown(count):
    rng = np.random.default_rng(0)
    seen = np.array([[1.0, np.nan, 2.0], [np.nan, 3.0, 4.0]])[:, :count]
    truth = np.array([[0.25, 0.5, 0.75]])[:, :count]
    marks = [Marks(seen, "seen", "s", "#000000"), Marks(truth, "truth", "x", "#ff0000")]
    figure = scatter(rng.normal(size=(9, count)), marks=marks)
    axes = next(each for each in figure.axes if each.get_legend())  # that of the first two coordinates
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["seen", "truth"]
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]
    assert ([1.0, 1.0], [0, 1]) in drawn  # all along the axis
    assert ([0, 1], [3.0, 3.0]) in drawn
    assert ([0.25], [0.5]) in drawn
    assert sum(any(each.lines) for each in figure.axes) == (1 if count == 2 else 3)
    assert overlaps(figure) == []


def test_an_axis_of_values_that_differ_by_rounding_is_not_that_of_their_rounding():
    points = np.stack([125 + 1e-6 * np.arange(9), np.arange(9.0)], axis=1)
    (axes,) = scatter(points).axes
    assert axes.get_xlim() == pytest.approx((112.5, 137.5))
    assert axes.get_ylim()[1] < 9


def test_points_that_are_all_the_same_are_drawn_without_a_word():
    said = logging.handlers.BufferingHandler(99)
    logging.getLogger("matplotlib").addHandler(said)
    figure = scatter(np.full((5, 2), 3.0))
    figure.canvas.draw()
    logging.getLogger("matplotlib").removeHandler(said)
    assert said.buffer == []
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim() == pytest.approx((2.7, 3.3))


def test_names_of_classes_that_cannot_be_encoded_are_drawn():
    figure = scatter(np.eye(2), by=Colouring(np.arange(2), "class", ("caf\udce9", "b")))
    figure.canvas.draw()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["caf\\udce9", "b"]


def lines_of(figure):
    """Lines of a picture of signals with as many points as the longest, by channel, [n, places, 2]."""
    found = [np.array(each.get_segments()) for each in figure.axes[0].collections if hasattr(each, "get_segments")]
    longest = max(lines.shape[1] for lines in found)
    return [lines for lines in found if lines.shape[1] == longest]


def test_channels_are_stacked_and_as_high_as_their_values(figures):
    x = torch.zeros(1, 2, 3)
    x[0, 0], x[0, 1] = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([1.0, 1.0, -1.0])
    picture_for(Shown((2, 3), floats(2))).draw(x)
    first, second = (lines[0] for lines in lines_of(figures[0]))
    rise = first[2, 1] - first[0, 1]
    np.testing.assert_allclose(first[:, 1] - first[0, 1], [0, rise / 2, rise])
    np.testing.assert_allclose(second[:, 1] - second[2, 1], [rise, rise, 0])
    assert second[:, 1].max() < first[:, 1].min()  # the first channel is the highest
    np.testing.assert_allclose(first[1, 0], first[[0, 2], 0].mean())


@pytest.mark.parametrize(
    ("rate", "length", "axis", "ticks"),
    [
        (None, 101, "place in the signal", {0, 50, 100}),
        (100.0, 201, "time (s)", {0, 1, 2}),
        (1e3, 201, "time (ms)", {0, 100, 200}),
    ],
)
def test_time_is_told_in_what_is_known_of_it(figures, rate, length, axis, ticks):
    picture_for(Shown((1, length), floats(1), rate_hz=rate)).draw(torch.zeros(12, 1, length))
    texts = [text.get_text() for text in figures[0].axes[0].texts]
    assert axis in texts
    assert ticks <= {float(text) for text in texts if text.replace(".", "").isdigit()}


def test_peaks_of_long_signals_are_seen(figures):
    x = torch.zeros(1, 1, 100_001)
    x[0, 0, 77_777], x[0, 0, 33_333] = 1.0, -1.0
    picture_for(Shown((1, 100_001), floats(1))).draw(x)
    (lines,) = lines_of(figures[0])
    assert lines.shape[1] <= signals.MOST_PLACES
    up = lines[0, :, 1] - np.median(lines[0, :, 1])
    assert up.max() == pytest.approx(-up.min())
    across = (lines[0, :, 0] - lines[0, 0, 0]) / np.ptp(lines[0, :, 0])
    assert across[up.argmax()] == pytest.approx(0.77777, abs=2e-3)


def test_what_is_left_out_is_said(figures):
    picture_for(Shown((40, 9), floats(40))).draw(torch.zeros(50, 40, 9))
    told = figures[0].axes[0].texts[-1].get_text()
    assert "of 50 samples" in told
    assert "first 16 of 40 channels" in told


def test_points_are_drawn_in_their_units(figures):
    of_points = Codec(offset=(10.0, -2.0), scale=(5.0, 3.0), dtype="float32", levels=None)
    shown = Shown((2,), of_points, ("mass", "height"), units=("kg", ""))
    picture_for(shown).draw(torch.tensor([[-1.0, 1.0], [1.0, 0.0]]))
    (axes,) = figures[0].axes
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[5, 1], [15, -2]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mass (kg)", "height")


def test_every_pair_of_coordinates_is_drawn():
    x = np.array([[0.0, 1.0, 9.0], [2.0, -1.0, 8.0]])
    drawn = [each.get_offsets() for axes in scatter(x).axes for each in axes.collections]
    for found, pair in zip(drawn, ([0, 1], [0, 2], [1, 2]), strict=True):
        np.testing.assert_allclose(found, x[:, pair])
    assert sum(bar.get_height() for bar in scatter(x[:, :1]).axes[0].patches) == 2


def test_fields_have_the_colours_of_their_bar():
    x = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 80, 80)
    picture = np.asarray(picture_for(Shown((1, 80, 80), floats(1), units=("K",))).draw(x, columns=2))
    np.testing.assert_array_equal(picture[40, 40], viridis()[0])
    np.testing.assert_array_equal(picture[40, 80 + panels.GAP_PIXELS + 40], viridis()[255])
    bar = picture[80 + 1 :, :200].astype(int)
    for end in (0, 255):  # its outline lies on the last colours themselves
        assert (np.abs(bar - viridis()[end]) < 12).all(-1).any()
    lightness = viridis() @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -1.0).all()  # grows, but for rounding: grey copies keep the order


def test_voxels_have_their_proportions():
    """2 x 4 x 4 voxels of 3 x 1 x 1 mm: the planes are 4 x 4, 6 x 4 and 6 x 4."""
    shown = Shown((1, 2, 4, 4), BYTES, voxel_size=(3.0, 1.0, 1.0))
    picture = np.asarray(picture_for(shown).draw(-torch.ones(1, 1, 2, 4, 4)))
    factor = round(np.ceil(80 / 6))
    black = (picture[: 6 * factor, : 14 * factor] == 0).all(-1)
    assert black[factor : 5 * factor, : 4 * factor].all()
    assert not black[: factor - 1, : 4 * factor].any()
    assert black[:, 5 * factor : 9 * factor].all()
    assert black[:, 10 * factor : 14 * factor].all()


@pytest.mark.parametrize("shape", [(1, 900, 700), (30, 40, 40), (3, 3000, 20), (2, 40, 300, 300)])
def test_no_picture_is_huge_and_what_is_left_out_is_said(monkeypatch, shape):
    told = []
    monkeypatch.setattr(panels, "with_captions", lambda picture, words: told.extend(words) or picture)
    shown = Shown(shape, floats(shape[0]), tuple(f"c{i}" for i in range(shape[0])))
    picture = picture_for(shown).draw(torch.zeros(20, *shape))
    assert max(picture.size) < 1.5 * MOST_PIXELS
    assert len(told) > 1


def test_names_of_channels_stand_above_their_panels_and_apart():
    shown = Shown((2, 32, 32), floats(2), ("east", "north"))
    picture = np.asarray(picture_for(shown).draw(torch.zeros(1, 2, 32, 32))).mean(-1)
    wide = LEAST_NAMED_PIXELS
    above = picture[:22] < 128
    assert above[:, :wide].any()
    assert above[:, wide + panels.GAP_PIXELS :].any()
    assert not above[:, wide - 5 : wide + 5].any()


@pytest.mark.parametrize("count", [2, 3])
def test_points_have_the_colour_of_their_number_and_a_bar_that_names_it(count):
    x, dose = np.random.default_rng(0).normal(size=(7, count)), np.array([3.0, 1, 4, 1, 5, 9, 2])
    figure = scatter(x, by=Colouring(dose, "dose [mg]"))
    clouds = [each for axes in figure.axes for each in axes.collections if len(each.get_offsets()) == 7]
    assert len(clouds) == count * (count - 1) // 2
    assert all(cloud.get_array().tolist() == dose.tolist() for cloud in clouds)
    assert "dose [mg]" in [axes.get_ylabel() for axes in figure.axes]


def test_a_lone_coordinate_is_drawn_against_the_number():
    x, dose = np.array([[1.0], [2.0], [4.0]]), np.array([30.0, 10, 20])
    (axes,) = scatter(x, by=Colouring(dose, "dose")).axes
    assert axes.collections[0].get_offsets().tolist() == [[30, 1], [10, 2], [20, 4]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("dose", "value")
