"""Figures of points that move: out of noise, from one to another, to noise and back. Two coordinates are shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped

from idm.core.errors import DataError
from idm.report.colours import ACCENT, MUTED, PALETTE
from idm.report.densities import PANEL_INCHES
from idm.report.figures import empty_figure, legend_below, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = Shaped[np.ndarray, "_ c"]

MOMENT_INCHES = (2.3, 2.3)
"""Size of a figure of one moment."""

MOST_BEHIND = 2_000
"""Most points that lie behind others."""


def points_at(moments: Sequence[tuple[str, Points]]) -> "list[Figure]":
    """Draw points at several moments, a small figure each, on axes of their own.

    Raises:
        DataError: no points.
    """
    found: list[Figure] = []
    for name, points in moments:
        figure, (axes,) = empty_figure(*MOMENT_INCHES)
        x, y = _places(points)
        axes.scatter(x, y, s=3, color=PALETTE[0], alpha=0.6, linewidths=0, rasterized=True)
        style(axes, title=name, x="", y="")
        axes.locator_params(nbins=3)
        found.append(figure)
    return found


def paths_of(ways: Sequence[Points], behind: Points, names: Sequence[str]) -> "Figure":
    """Draw ways from one point to another through places between them, and data behind them.

    Args:
        ways: the places of each way, from one end to the other.
        behind: data.
        names: of the coordinates.

    Raises:
        DataError: no points.
    """
    figure, axes = _before(behind, names, "Ways between points")
    for place, way in enumerate(ways):
        x, y = _places(way)
        axes.plot(x, y, "o-", color=PALETTE[place % len(PALETTE)], markersize=3.5, linewidth=1.1, zorder=3)
    return figure


def round_trip(originals: Points, again: Points, behind: Points, names: Sequence[str]) -> "Figure":
    """Draw points and what came back of them, and data behind them.

    Raises:
        DataError: no points.
    """
    figure, axes = _before(behind, names, "To noise and back")
    axes.scatter(*_places(originals), s=44, facecolors="none", edgecolors=PALETTE[0], label="original", zorder=3)
    axes.scatter(*_places(again), s=22, marker="x", color=ACCENT, label="rebuilt", zorder=4)
    legend_below(axes, PANEL_INCHES[0])
    return figure


def beside_data(points: Points, data: Points, names: Sequence[str], title: str) -> "Figure":
    """Draw points, and data behind them.

    Raises:
        DataError: no points.
    """
    figure, axes = _before(data, names, title)
    axes.scatter(*_places(points), s=7, color=PALETTE[0], linewidths=0, label="samples", zorder=3, rasterized=True)
    legend_below(axes, PANEL_INCHES[0])
    return figure


def _before(behind: Points, names: Sequence[str], title: str) -> "tuple[Figure, Axes]":
    """Begin a figure with data in grey."""
    figure, (axes,) = empty_figure(PANEL_INCHES[0], PANEL_INCHES[0])
    x, y = _places(behind[:MOST_BEHIND])
    axes.scatter(x, y, s=5, color=MUTED, alpha=0.35, linewidths=0, label="data", rasterized=True)
    style(axes, title=title, x=names[0], y=names[1] if len(names) > 1 else "")
    return figure, axes


def _places(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return two coordinates of points; those of one coordinate lie on a line.

    Raises:
        DataError: no points.
    """
    if not len(points):
        raise DataError("figure: at least one point wanted, got none")
    x = points[:, 0].astype(np.float64)
    return x, points[:, 1].astype(np.float64) if points.shape[1] > 1 else np.zeros(len(points))
