"""Points: every pair of coordinates in the units of the data."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor

from idm.core.errors import DataError
from idm.core.text import printable
from idm.report.colours import INK, MUTED, PALETTE
from idm.report.figures import empty_figure, raster, style
from idm.report.kinds.base import SamplePicture
from idm.report.kinds.point_marks import Colouring, Marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

MOST_POINTS, MOST_COORDINATES = 20_000, 5
"""Most points and coordinates that are drawn."""

PANEL_INCHES, MARGINS_INCHES = 1.9, (0.85, 0.7)
"""Side of a panel of one of several pairs, and the space for names at the left and below."""

EVEN = "viridis"
"""Colours whose lightness grows evenly."""

LONGEST_NAME = 20
"""Characters of a name; longer ones end in dots."""

SAME_WITHIN = 1e-5
"""Share of values by which they differ where they are the same but for rounding."""

EQUAL_WITHIN = 2.0
"""Both axes have one scale where neither coordinate spans more than this many times the other's range."""


@final
class PointPicture(SamplePicture):
    """A histogram of one coordinate, two against each other, of more every pair, with histograms on the diagonal."""

    has_columns = False

    @property
    def most(self) -> int:
        """As many as show a density."""
        return 1_000

    def columns(self, count: int) -> int:
        """Return 1: all points are in one picture."""
        return 1

    def _laid_out(self, x: Float[Tensor, "n c"], columns: int, names: Sequence[str]) -> Image.Image:
        return self._raster(x, None)

    def coloured(self, x: Float[Tensor, "n c"], by: Colouring | None, marks: Sequence[Marks] = ()) -> Image.Image:
        """Draw points in the model's range, each in the colour of its number; a lone coordinate against that."""
        return self._raster(x, by, marks)

    def _raster(self, x: Float[Tensor, "n c"], by: Colouring | None, marks: Sequence[Marks] = ()) -> Image.Image:
        channels, shown = range(self.shown.channels), self.shown
        known = [shown.label(i) for i in channels] if shown.channel_names or shown.units else []
        return raster(scatter(shown.codec.decode(x[:MOST_POINTS]), known, len(x), by, marks))


def scatter(
    points: Shaped[np.ndarray, "n c"],
    names: Sequence[str] = (),
    total: int | None = None,
    by: Colouring | None = None,
    marks: Sequence[Marks] = (),
) -> "Figure":
    """Draw points in their own units.

    Args:
        points: the points.
        names: of the coordinates, which are numbered by default.
        total: how many there are, where these are some.
        by: what they are coloured by; a lone coordinate is drawn against it.
        marks: what is marked among them, of at least two coordinates; the first panel says what each is.

    Raises:
        DataError: no points.
    """
    if not len(points):
        raise DataError("pictures: at least one sample wanted, got none")
    points, total = points[:MOST_POINTS].astype(np.float64), total or len(points)
    count, drawn = points.shape[1], min(points.shape[1], MOST_COORDINATES)
    names = [_shortened(name) for name in names] or [f"coordinate {i}" for i in range(count)]
    title = f"{len(points):,} points" if len(points) == total else f"first {len(points):,} of {total:,} points"
    title += f", first {drawn} of {count:,} coordinates" if drawn < count else ""
    if count > 2:
        return _pairs(points[:, :drawn], names, title, by, marks)
    figure, (axes,) = empty_figure(4.6 if by is None else 5.2, 4.4)
    if by is not None and count == 1:
        _scatter(axes, by.values[:MOST_POINTS], points[:, 0])
        style(axes, title=title, x=_shortened(by.name), y=names[0] if names[0] != "coordinate 0" else "value")
        return figure
    if count == 1:
        _histogram(axes, points[:, 0])
        style(axes, title=title, x=names[0] if count > 1 or names[0] != "coordinate 0" else "value", y="number")
        return figure
    drawn_points = _scatter(axes, points[:, 0], points[:, 1], by)
    if by is not None:
        _colour_bar(figure, drawn_points, by, axes, fills=False)
    _mark(axes, marks, 0, 1, is_first=True)
    spans = np.ptp(points, axis=0)
    if spans.max() <= EQUAL_WITHIN * spans.min() and not any(map(_is_flat, points.T)):
        axes.set_aspect("equal", adjustable="datalim")
    style(axes, title=title, x=names[0], y=names[1])
    return figure


def _pairs(
    points: Shaped[np.ndarray, "n c"],
    names: Sequence[str],
    title: str,
    by: Colouring | None,
    marks: Sequence[Marks],
) -> "Figure":
    """Draw a triangle of panels: histograms on the diagonal, below it each pair of coordinates."""
    count, (left, below) = points.shape[1], MARGINS_INCHES
    width, height = left + count * PANEL_INCHES + 0.15, below + count * PANEL_INCHES + 0.35
    figure, (unused,) = empty_figure(width, height)
    unused.remove()
    figure.set_layout_engine("none")
    for row in range(count):
        for column in range(row + 1):
            corner = left + column * PANEL_INCHES, below + (count - 1 - row) * PANEL_INCHES
            sides = (PANEL_INCHES - 0.14) / width, (PANEL_INCHES - 0.14) / height
            axes = figure.add_axes((corner[0] / width, corner[1] / height, *sides))
            if row == column:
                _histogram(axes, points[:, row])
            else:
                drawn_points = _scatter(axes, points[:, column], points[:, row], by)
                _mark(axes, marks, column, row, is_first=(row, column) == (1, 0))
                if by is not None and (row, column) == (1, 0):  # the corner above the diagonal is empty
                    bar = figure.add_axes(
                        (1 - 0.9 / width, 1 - 1.9 * PANEL_INCHES / height, 0.14 / width, 1.5 / height)
                    )
                    _colour_bar(figure, drawn_points, by, bar, fills=True)
            is_side, is_bottom = column == 0 and row > 0, row == count - 1
            style(axes, title="", x=names[column] if is_bottom else "", y=names[row] if is_side else "")
            axes.locator_params(nbins=4)
            axes.tick_params(labelbottom=is_bottom, labelleft=is_side)
            axes.yaxis.set_label_coords(-(left - 0.16) / (PANEL_INCHES - 0.14), 0.5)
            if row == column:
                axes.set_yticks([])
    figure.text(0.08 / width, 1 - 0.1 / height, title, va="top", fontsize=10, fontweight="bold", color=INK)
    return figure


def _histogram(axes: "Axes", values: Shaped[np.ndarray, " n"]) -> None:
    axes.hist(values, bins=max(10, min(100, math.isqrt(len(values)))), color=PALETTE[0])


def _scatter(
    axes: "Axes", x: Shaped[np.ndarray, " n"], y: Shaped[np.ndarray, " n"], by: Colouring | None = None
) -> "PathCollection":
    _widen(axes.set_xlim, x)
    _widen(axes.set_ylim, y)
    size = min(16.0, max(1.5, 4000 / max(len(x), 1)))
    colours: dict[str, Any] = {"color": PALETTE[0], "alpha": 0.6}
    if by is not None and by.groups:
        known = {number: PALETTE[place] for place, number in enumerate(by.groups.values())}
        colours = {"c": [known[number] for number in by.values[: len(x)].tolist()], "alpha": 0.6}
    elif by is not None:
        colours = {"c": by.values[: len(x)].astype(np.float64), "cmap": EVEN, "alpha": 0.8}
    return axes.scatter(x, y, s=size, linewidths=0, rasterized=True, **colours)


def _is_flat(values: Shaped[np.ndarray, " n"]) -> bool:
    """Whether values are the same but for rounding."""
    return bool(np.ptp(values) <= SAME_WITHIN * abs(float(values.mean())))


def _widen(set_limits: Callable[[float, float], object], values: Shaped[np.ndarray, " n"]) -> None:
    """Give an axis on which values differ by rounding a width about them: else it would show their rounding."""
    if _is_flat(values):
        middle = float(values.mean())
        half = 0.1 * abs(middle) or 1.0
        set_limits(middle - half, middle + half)


def _mark(axes: "Axes", marks: Sequence[Marks], column: int, row: int, *, is_first: bool) -> None:
    """Draw all marks of a panel; the first one says what they are."""
    for one in marks:
        one.draw(axes, column, row)
    if is_first and marks:
        from matplotlib.lines import Line2D

        signs = [
            Line2D(
                [], [], color=one.colour, marker=one.marker, linestyle="--" if np.isnan(one.values).any() else "none"
            )
            for one in marks
        ]
        axes.legend(signs, [one.name for one in marks], fontsize=7.5, labelcolor=INK, frameon=False, loc="best")


def _colour_bar(figure: "Figure", drawn: "PathCollection", by: Colouring, axes: "Axes", *, fills: bool) -> None:
    """Say what colours mean, beside axes, or in them where these are for that alone: classes, or a bar of numbers."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    if by.groups:
        dots = [Line2D([], [], color=colour, marker="o", linestyle="none") for colour in PALETTE[: len(by.groups)]]
        names = [_shortened(name) for name in by.groups]
        axes.legend(dots, names, title=by.name, fontsize=8, title_fontsize=8, labelcolor=INK, frameon=False)
        if fills:
            axes.axis("off")
        return
    bar = figure.colorbar(drawn, cax=axes) if fills else figure.colorbar(drawn, ax=axes)
    if by.values.dtype.kind in "iu":
        bar.locator = MaxNLocator(nbins=8, integer=True)
        bar.update_ticks()
    bar.set_label(_shortened(by.name), fontsize=9, color=MUTED)
    bar.ax.tick_params(colors=MUTED, labelsize=8, width=0.6)
    bar.outline.set_visible(False)


def _shortened(name: str) -> str:
    name = printable(name)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
