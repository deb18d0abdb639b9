"""What data look like: values and powers are where they are, whatever is read of them bounded."""

import numpy as np
import pytest

from idm.data import Codec, Source
from idm.report import Shown
from idm.report.data_look import (
    MOST_LINES,
    MOST_SAMPLES,
    MOST_VALUES,
    power_spectrum,
    sections,
    some_samples,
    value_histogram,
)


class Counted(Source):
    """Samples of which each is its own number."""

    labels, class_names, levels, note = None, None, None, ""

    def __init__(self, count, *shape):
        self.count, self.shape, self.dtype = count, shape, np.dtype(np.float32)

    def __len__(self):
        return self.count

    def read(self, indices):
        return np.broadcast_to(
            indices.astype(np.float32).reshape(-1, *[1] * len(self.shape)), (len(indices), *self.shape)
        )


def floats(channels, scale=1.0):
    return Codec("float32", None, (0.0,) * channels, (scale,) * channels)


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 1024, 1024), (4, 64, 512, 512)])
def test_what_is_read_is_spread_over_all_and_bounded(shape):
    data = some_samples(Counted(100_000, *shape))
    assert data.size <= max(MOST_VALUES, np.prod(shape))
    assert len(data) == 1 or data.max() == 99_999
    assert data.min() == 0
    assert len(some_samples(Counted(3, 1, 8, 8))) == 3
    assert len(some_samples(Counted(10**6, 1, 8, 8))) == MOST_SAMPLES


def bars(axes):
    return {
        float(edge): float(value)
        for patch in axes.patches
        for edge, value in zip(patch.get_data().edges, patch.get_data().values, strict=False)
    }


def test_of_quantised_data_each_level_has_its_bar():
    data = np.array([0, 0, 0, 16], dtype=np.uint8).reshape(1, 1, 2, 2)
    (axes,) = value_histogram(Shown((1, 2, 2), Codec.quantized("uint8", 17)), data).axes
    found = bars(axes)
    assert len(found) == 17
    assert (found[-0.5], found[15.5], found[7.5]) == (0.75, 0.25, 0.0)


def test_bars_of_many_levels_have_as_many_each():
    """All of 256 levels once: bars of 3 levels each, but for the last one."""
    data = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    (axes,) = value_histogram(Shown((1, 16, 16), Codec.quantized("uint8", 256)), data).axes
    values = list(bars(axes).values())
    np.testing.assert_allclose(values[:-1], 3 / 256)
    assert sum(values) == pytest.approx(1.0)


def test_channels_of_their_own_ranges_have_a_panel_each():
    shown = Shown((2, 50), floats(2), ("potential", "pressure"), units=("mV", "bar"))
    data = np.random.default_rng(0).normal(size=(3, 2, 50))
    assert [axes.get_xlabel() for axes in value_histogram(shown, data).axes] == ["potential (mV)", "pressure (bar)"]
    assert len(value_histogram(Shown((40, 9), Codec.quantized("uint8", 4)), np.zeros((2, 40, 9), np.uint8)).axes) == 1


@pytest.mark.parametrize(("rate", "at"), [(None, 5), (250.0, 12.5)])
def test_a_wave_has_its_power_at_its_frequency(rate, at):
    """5 periods of amplitude 2 in 100 places: |FFT|^2 / 100 of either sign is (2 / 2 * 100)^2 / 100."""
    data = 2.0 * np.sin(2 * np.pi * 5 * np.arange(100) / 100).reshape(1, 1, 100)
    (axes,) = power_spectrum(Shown((1, 100), floats(1), rate_hz=rate), data).axes
    places, power = axes.lines[0].get_data()
    assert places[power.argmax()] == pytest.approx(at)
    assert power.max() == pytest.approx(100.0)
    assert ("Hz" in axes.get_xlabel()) == (rate is not None)


def test_of_many_channels_the_first_are_named():
    (axes,) = power_spectrum(Shown((40, 9), floats(40)), np.ones((2, 40, 9))).axes
    assert len(axes.lines) == MOST_LINES
    assert axes.get_legend().get_title().get_text() == "first 8 of 40 channels"


@pytest.mark.parametrize(
    ("shape", "headings"),
    [((3,), ["Samples"]), ((2, 3), ["Samples", "Values"]), ((1, 8, 8), ["Samples", "Values", "Frequencies"])],
)
def test_the_page_has_what_there_is_to_see(shape, headings):
    assert [heading for heading, _ in sections(Counted(5, *shape), floats(shape[0], 5.0))] == headings
