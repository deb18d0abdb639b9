"""Figures of something over calls of the network: errors of solvers, and what samples are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from idm.core.errors import DataError
from idm.report.colours import INK, MUTED, PALETTE, RULE
from idm.report.figures import empty_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
REFERENCE = (1, 2, 3, 4)
"""Orders whose slopes are drawn."""


@dataclass(frozen=True)
class Curve:
    """Values over calls of the network.

    Attributes:
        name: what they are of.
        calls: growing.
        values: one each.
        low: lower end of the interval of each; empty where there is none.
        high: upper end.
    """

    name: str
    calls: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Panel:
    """Curves that share axes.

    Attributes:
        title: what is shown.
        y: what the values are.
        curves: the curves.
        levels: values that hold for any number of calls, by what they are.
        log: whether values are on a log scale.
        slopes: whether slopes of whole orders are drawn behind.
    """

    title: str
    y: str
    curves: Sequence[Curve]
    levels: Mapping[str, float] = field(default_factory=dict[str, float])
    log: bool = False
    slopes: bool = False


def over_calls(panels: Sequence[Panel]) -> "Figure":
    """Draw panels side by side, calls on a log scale.

    Raises:
        DataError: no panels, or one without curves.
    """
    if not panels or not all(panel.curves for panel in panels):
        raise DataError("figure: at least one curve in each panel wanted, got none")
    figure, every = empty_figure(5.6 * len(panels), 4.6, len(panels))
    for axes, panel in zip(every, panels, strict=True):
        axes.set_xscale("log")
        axes.set_yscale("log" if panel.log else "linear")
        for place, curve in enumerate(panel.curves):
            _draw(axes, curve, place)
        if panel.slopes:
            _slopes(axes, panel.curves)
        for place, (name, value) in enumerate(panel.levels.items()):
            axes.axhline(value, color=MUTED, linewidth=1.0, linestyle=("--", ":")[place % 2], label=name, zorder=1)
        style(axes, title=panel.title, x="calls of the network (log scale)", y=panel.y)
        _ticks(axes, panel)
        below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16), "ncols": 2}
        axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, handlelength=2.4, **below)
    return figure


def _draw(axes: "Axes", curve: Curve, place: int) -> None:
    again = place // len(PALETTE)  # colours come again with other markers and lines
    colour, marker = PALETTE[place % len(PALETTE)], MARKERS[(place + again) % len(MARKERS)]
    line = ("-", "--")[again % 2]
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.3, "linestyle": line}
    axes.plot(curve.calls, curve.values, label=curve.name, zorder=3, **look)
    if curve.low:
        axes.vlines(curve.calls, curve.low, curve.high, color=colour, linewidth=1.0, alpha=0.6, zorder=2)


def _slopes(axes: "Axes", curves: Sequence[Curve]) -> None:
    """Draw lines of order 1 to 4 through the corner where errors are largest."""
    low, high = axes.get_ylim()
    first = min(curve.calls[0] for curve in curves)
    last = max(curve.calls[-1] for curve in curves)
    top = max(max(curve.values) for curve in curves)
    for order in REFERENCE:
        ends = [top, top * (first / last) ** order]
        axes.plot([first, last], ends, color=RULE, linewidth=2.5, zorder=0, solid_capstyle="butt")
        until = max(ends[1], low * 1.5)
        where = first * (top / until) ** (1 / order)
        axes.annotate(f"order {order}", (where, until), fontsize=7, color=MUTED, ha="right", va="bottom")
    axes.set_ylim(low, high)


def _ticks(axes: "Axes", panel: Panel) -> None:
    """Name the numbers of calls that were taken, where they are few."""
    calls = sorted({number for curve in panel.curves for number in curve.calls})
    if len(calls) <= 8:
        axes.set_xticks(calls, [f"{number:g}" for number in calls])
        axes.minorticks_off()
    if len(calls) == 1:  # a single point has no range of its own
        axes.set_xlim(calls[0] / 2, calls[0] * 2)
