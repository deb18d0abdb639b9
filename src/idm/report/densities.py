"""Figures of how samples are distributed beside data: values, pairs of coordinates, the power of frequencies."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from idm.core.errors import DataError
from idm.data.base import Samples
from idm.metrics.spectrum import radial_power
from idm.report.colours import PALETTE
from idm.report.data_look import NUM_BINS, histogram_edges
from idm.report.figures import empty_figure, legend_below, style
from idm.report.kinds import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHANNELS = 4
"""Most channels or coordinates that have a figure each."""

PANEL_INCHES = (4.5, 3.2)
"""Width and height of a figure: two are beside each other on a page, and one fills that of a phone."""

MOST_TICKS = 16
"""Places along the shortest axis up to which each frequency has its number."""

MOST_CELLS, FEWEST_BARS = 48, 12
"""Most cells of a density along each axis, and the fewest of it and of a histogram: about the root of the samples."""

LINES = ("-", "--", ":", "-.")
"""Sets are told apart without colours, too."""

Sets = Mapping[str, Samples]
"""Samples [n, c, *space] in the data's own values, by what they are; data come first."""


def value_densities(shown: Shown, sets: Sets) -> "list[Figure]":
    """Draw how often values occur, a figure for each of the first channels.

    Raises:
        DataError: no samples.
    """
    _require(sets)
    found: list[Figure] = []
    for channel in range(min(shown.channels, MOST_CHANNELS)):
        columns = {name: values[:, channel].ravel().astype(np.float64) for name, values in sets.items()}
        fewest = min(map(len, columns.values()))
        bars = max(FEWEST_BARS, min(NUM_BINS, math.isqrt(fewest)))
        edges = histogram_edges(shown.codec, np.concatenate(list(columns.values())), bars)
        figure, (axes,) = empty_figure(*PANEL_INCHES)
        for place, (name, values) in enumerate(columns.items()):
            share = np.histogram(values, bins=edges)[0] / len(values)
            axes.stairs(share, edges, label=name, linewidth=1.3, **_look(place))
        axes.set_yscale("log" if len(shown.shape) > 1 else "linear")
        scale = " (log scale)" if len(shown.shape) > 1 else ""
        style(axes, title="How often values occur", x=_named(shown, channel), y=f"share{scale}")
        axes.locator_params(axis="x", nbins=6)
        legend_below(axes, PANEL_INCHES[1])
        found.append(figure)
    return found


def pair_densities(shown: Shown, sets: Sets) -> "list[Figure]":
    """Draw how often pairs of the first two coordinates of points occur, a figure for each set, with equal axes.

    Raises:
        DataError: no samples, or points of one coordinate.
    """
    _require(sets)
    if shown.channels < 2:
        raise DataError("figure: points of two coordinates or more wanted, got those of one")
    both = np.concatenate([values[:, :2] for values in sets.values()]).astype(np.float64)
    cells = max(FEWEST_BARS, min(MOST_CELLS, math.isqrt(min(map(len, sets.values())))))
    edges = [np.linspace(*_ends(both[:, axis]), cells + 1) for axis in range(2)]
    counts = [
        np.histogram2d(*values[:, :2].astype(np.float64).T, bins=edges)[0] / len(values) for values in sets.values()
    ]
    most = max(float(count.max()) for count in counts)
    found: list[Figure] = []
    for name, count in zip(sets, counts, strict=True):
        figure, (axes,) = empty_figure(PANEL_INCHES[0], PANEL_INCHES[0])
        axes.pcolormesh(
            *edges, np.sqrt(count.T), cmap="viridis", vmin=0.0, vmax=max(most, 1e-12) ** 0.5, rasterized=True
        )
        style(axes, title=f"{name}: density, square root", x=_named(shown, 0), y=_named(shown, 1))
        axes.grid(visible=False)
        found.append(figure)
    return found


def power_spectra(shown: Shown, sets: Sets) -> "list[Figure]":
    """Draw the mean power over frequencies, a figure for each of the first channels; that of the mean is left out.

    Raises:
        DataError: no samples.
    """
    _require(sets)
    found: list[Figure] = []
    for channel in range(min(shown.channels, MOST_CHANNELS)):
        (figure, (axes,)), highest = empty_figure(*PANEL_INCHES), 0.0
        for place, (name, values) in enumerate(sets.items()):
            one = torch.from_numpy(values[:, channel : channel + 1].astype(np.float64))
            power = radial_power(one).mean(0)[1:].numpy()
            highest = max(highest, float(power.max()))
            axes.plot(np.arange(1, len(power) + 1), power, marker="o", ms=3, lw=1.3, label=name, **_look(place))
        axes.set_xscale("log")
        axes.set_yscale("log" if highest > 0 else "linear")
        if min(shown.shape[1:]) <= MOST_TICKS:
            rings = range(1, min(shown.shape[1:]) // 2 + 1)
            axes.set_xticks(list(rings), [str(ring) for ring in rings])
            axes.minorticks_off()
        name = "" if shown.channels == 1 else f", {shown.name(channel)}"
        style(
            axes, title=f"Power of frequencies{name}", x="periods along the shortest axis (log scale)", y="mean power"
        )
        legend_below(axes, PANEL_INCHES[1])
        found.append(figure)
    return found


def _look(place: int) -> dict[str, Any]:
    return {"color": PALETTE[place % len(PALETTE)], "linestyle": LINES[place % len(LINES)]}


def _require(sets: Mapping[str, np.ndarray]) -> None:
    if not sets or not all(len(values) for values in sets.values()):
        raise DataError("figure: at least one sample of each kind wanted, got none")


def _named(shown: Shown, channel: int) -> str:
    """Name a channel or coordinate with its unit; the only one has no number."""
    only = shown.channels == 1 and shown.channel_names is None
    return f"value{shown.unit(0)}" if only else shown.label(channel)


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def cumulative(sets: Mapping[str, Float[np.ndarray, " n"]], *, title: str, x: str) -> "Figure":
    """Draw which share of numbers is at most so large, a line for each set.

    Raises:
        DataError: no numbers.
    """
    _require(sets)
    figure, (axes,) = empty_figure(*PANEL_INCHES)
    for place, (name, values) in enumerate(sets.items()):
        axes.plot(np.sort(values), np.arange(1, len(values) + 1) / len(values), lw=1.4, label=name, **_look(place))
    axes.set_ylim(0, 1)
    style(axes, title=title, x=x, y="share that is at most so large")
    legend_below(axes, PANEL_INCHES[1])
    return figure
