"""What data look like: some samples, how often values occur, and the power of frequencies."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from idm.data import Codec
from idm.data.base import Samples, Source
from idm.metrics.spectrum import radial_power
from idm.report.blocks import Block, Picture
from idm.report.colours import PALETTE
from idm.report.figures import empty_figure, legend, style
from idm.report.kinds import SamplePicture, Shown, picture_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_VALUES, MOST_SAMPLES, MOST_POINTS = 1 << 22, 256, 5_000
"""Most values, samples and points that are read."""

MOST_LINES, MOST_PANELS, NUM_BINS = 8, 4, 100
"""Channels that share a panel, those that have one each, and bars of a histogram of values without levels."""


def shown_of(source: Source, codec: Codec) -> Shown:
    """Return what a source knows of its data."""
    voxel_size = source.spacing if len(source.shape) == 4 else None
    units = None if source.metadata is None else source.metadata.units
    return Shown(source.shape, codec, source.channel_names, source.sampling_rate, voxel_size, units)


def some_samples(source: Source) -> Samples:
    """Read samples that are evenly spaced over all: as many as show what the data are like, without taking long."""
    most = MOST_SAMPLES if len(source.shape) > 1 else MOST_POINTS
    count = max(1, min(len(source), most, MOST_VALUES // math.prod(source.shape)))
    return source.read(np.linspace(0, len(source) - 1, count).round().astype(np.int64))


def contact_sheet(picture: SamplePicture, data: Samples, total: int) -> Block:
    """Draw some of the samples that were read, evenly spaced, too."""
    count = min(len(data), picture.most if len(picture.shown.shape) > 1 else MOST_POINTS)
    rows = np.linspace(0, len(data) - 1, count).round().astype(np.int64)
    drawn = picture.draw(picture.shown.codec.encode(data[rows]))
    return Picture(drawn, "Samples of the data", f"{count:,} of {total:,} samples, evenly spaced.")


def value_histogram(shown: Shown, data: Samples) -> "Figure":
    """Draw how often values occur, by channel: together where all have one range, else a panel for each."""
    together = len(shown.codec.shown) == 1
    drawn = range(min(shown.channels, MOST_LINES if together else MOST_PANELS))
    figure, panels = empty_figure(9.2, 3.0, 1 if together else len(drawn))
    for channel in drawn:
        axes, values = panels[0 if together else channel], data[:, channel].ravel().astype(np.float64)
        share, edges = np.histogram(values, bins=histogram_edges(shown.codec, values))
        axes.stairs(
            share / len(values), edges, color=_colour(shown, channel), linewidth=1.3, label=_label(shown, channel)
        )
    for place, axes in enumerate(panels):
        axes.set_yscale("log")
        name = "value" if together else shown.label(place)
        style(axes, title="" if place else "How often values occur", x=name, y="" if place else "share (log scale)")
        axes.locator_params(axis="x", nbins=6 if together else 4)
    _name_lines(panels[:1] if together else [], shown, drawn)
    return figure


def power_spectrum(shown: Shown, data: Samples) -> "Figure":
    """Draw the mean power over frequencies, a line for each channel; that of the mean of samples is left out."""
    drawn = range(min(shown.channels, MOST_LINES))
    figure, (axes,) = empty_figure(9.2, 3.0)
    shortest = min(shown.shape[1:])
    unit, name = 1.0, "periods along the shortest axis (log scale)"
    if len(shown.shape) == 2 and shown.rate_hz is not None:
        unit, name = shown.rate_hz / shown.shape[1], "frequency (Hz, log scale)"
    highest = 0.0
    for channel in drawn:
        values = torch.from_numpy(data[:, channel : channel + 1].astype(np.float64))
        power = radial_power(values).mean(0)[1:].numpy()
        highest = max(highest, float(power.max()))
        label, colour = _label(shown, channel), _colour(shown, channel)
        marker = "o" if shortest < 8 else ""
        axes.plot(unit * np.arange(1, len(power) + 1), power, marker=marker, ms=4, lw=1.3, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log" if highest > 0 else "linear")
    style(axes, title="Power of frequencies", x=name, y="mean power (log scale)")
    _name_lines([axes], shown, drawn)
    return figure


def sections(source: Source, codec: Codec) -> list[tuple[str, Block]]:
    """Return headings with what stands below them."""
    shown, data = shown_of(source, codec), some_samples(source)
    how = f"Of {len(data):,} of {len(source):,} samples, evenly spaced."
    found: list[tuple[str, Block]] = [("Samples", contact_sheet(picture_for(shown), data, len(source)))]
    if len(shown.shape) > 1:
        found.append(("Values", Picture(value_histogram(shown, data), "Histogram of values by channel", how)))
        if min(shown.shape[1:]) > 3:
            found.append(("Frequencies", Picture(power_spectrum(shown, data), "Mean power over frequencies", how)))
    return found


def histogram_edges(codec: Codec, values: NDArray[np.float64], bars: int = NUM_BINS) -> NDArray[np.float64]:
    """Return the edges of bars that hold all values: of quantised data a bar is of one level, or of equally many."""
    low, high = values.min(), values.max()
    if codec.levels is None:
        return np.linspace(low, high, bars + 1) if low < high else np.array([low - 0.5, low + 0.5])
    step = math.ceil((high - low + 1) / bars)
    return np.arange(low - 0.5, high + step, step)


def _label(shown: Shown, channel: int) -> str:
    """Name a channel; those of images without names are colours."""
    is_image = len(shown.shape) == 3 and shown.channels == 3 and shown.channel_names is None
    return ("red", "green", "blue")[channel] if is_image else shown.name(channel)


def _colour(shown: Shown, channel: int) -> str:
    """Return the colour of a channel; those of images are red, green and blue."""
    return PALETTE[(1, 2, 0)[channel] if shown.channels == 3 else channel % len(PALETTE)]


def _name_lines(panels: "Sequence[Axes]", shown: Shown, drawn: range) -> None:
    """Name lines where there are several, and say where channels are left out."""
    for axes in panels if len(drawn) > 1 else []:
        title = f"first {len(drawn)} of {shown.channels:,} channels" if len(drawn) < shown.channels else None
        legend(axes, loc="center left", bbox_to_anchor=(1.0, 0.5), title=title, title_fontsize=8)
