"""Samples beside data: shares add up to 1, a sine has the power of its frequency, and points lie in their cells."""

import numpy as np
import pytest

from idm.core.errors import DataError
from idm.data import Codec, Digits
from idm.report.densities import cumulative, pair_densities, power_spectra, value_densities
from idm.report.kinds import Shown


def shown(*shape):
    return Shown(shape, Codec.fit(Digits()))


def test_shares_of_values_add_up_to_1_in_every_set():
    rng = np.random.default_rng(0)
    sets = {"data": rng.integers(0, 17, (30, 2, 4, 4)), "samples": rng.integers(3, 9, (5, 2, 4, 4))}
    figures = value_densities(shown(2, 4, 4), sets)
    assert len(figures) == 2  # a figure for each channel
    for figure in figures:
        stairs = [patch.get_data() for patch in figure.axes[0].patches]
        assert [float(one.values.sum()) for one in stairs] == [pytest.approx(1.0)] * 2
        assert len(figure.axes[0].get_legend().get_texts()) == 2


def test_a_level_is_where_it_occurs():
    figure = value_densities(shown(1, 2, 2), {"data": np.full((3, 1, 2, 2), 7), "samples": np.full((3, 1, 2, 2), 9)})[0]
    data, samples = (patch.get_data() for patch in figure.axes[0].patches)
    assert float(data.values[(data.edges[:-1] < 7) & (data.edges[1:] > 7)][0]) == 1.0
    assert float(samples.values[(samples.edges[:-1] < 9) & (samples.edges[1:] > 9)][0]) == 1.0


def test_a_sine_has_its_power_at_its_frequency():
    waves = np.sin(2 * np.pi * 3 * np.arange(32) / 32)[None, None].repeat(4, axis=0)
    line = power_spectra(shown(1, 32), {"data": waves})[0].axes[0].lines[0]
    power = np.asarray(line.get_ydata())
    assert np.asarray(line.get_xdata())[power.argmax()] == 3
    assert power[2] == pytest.approx(power.sum(), rel=1e-9)


def test_densities_of_pairs_share_axes_and_colours():
    points = {"data": np.array([[0.0, 0.0], [1.0, 2.0]]), "samples": np.array([[1.0, 2.0], [1.0, 2.0]])}
    meshes = [figure.axes[0].collections[0] for figure in pair_densities(shown(2), points)]
    data, samples = (np.asarray(mesh.get_array()) ** 2 for mesh in meshes)
    assert data[0, 0] == data[-1, -1] == pytest.approx(0.5)
    assert samples[-1, -1] == pytest.approx(1.0)
    assert meshes[0].get_clim() == meshes[1].get_clim()


def test_a_cumulative_line_ends_at_1_and_counts_what_is_at_most_so_large():
    line = cumulative({"samples": np.array([3.0, 1.0, 2.0, 2.0])}, title="t", x="x").axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [1.0, 2.0, 2.0, 3.0]
    assert np.asarray(line.get_ydata()).tolist() == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("draw", [value_densities, power_spectra])
def test_without_samples_there_is_nothing_to_draw(draw):
    with pytest.raises(DataError, match="at least one sample of each kind wanted"):
        draw(shown(1, 8), {"data": np.zeros((0, 1, 8))})


def test_points_of_one_coordinate_have_no_pairs():
    with pytest.raises(DataError, match="two coordinates or more"):
        pair_densities(shown(1), {"data": np.zeros((2, 1))})
