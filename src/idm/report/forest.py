"""Figures of metrics beside their nulls: where samples lie among what real data have."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from idm.core.errors import DataError
from idm.metrics import Better, Figure
from idm.report.colours import MUTED, PALETTE, RULE
from idm.report.curves import MARKERS
from idm.report.figures import empty_figure, legend, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

WIDTH_INCHES, ROW_INCHES, MARGIN_INCHES = 4.7, 0.26, 1.1
"""Size of a figure, which has a row for each number."""

LINEAR_UP_TO = 2.0
"""Distances beyond it are on a log scale: samples of a poor model lie very far out."""

FARTHEST = 1_000.0
"""Farther ones are drawn there."""


def beside_nulls(runs: Mapping[str, Sequence[Figure]]) -> "Drawing":
    """Draw how far figures are from the mean of their null, in half-widths of its interval of 95 %.

    Worse lies to the right, and what is beyond 1 real data have in 1 of 40 cases; either side is worse where a figure
    should lie near its null.

    Args:
        runs: figures of each run by its name; those without a null are left out.

    Raises:
        DataError: none has a null.
    """
    names = list(
        dict.fromkeys(one.name for figures in runs.values() for one in figures if math.isfinite(distance(one)))
    )
    if not names:
        raise DataError("figure: at least one number with a null wanted, got none")
    drawing, (axes,) = empty_figure(WIDTH_INCHES, MARGIN_INCHES + ROW_INCHES * len(names))
    axes.axvspan(-1, 1, color=RULE, alpha=0.7, linewidth=0, zorder=0)
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    for place, (run, figures) in enumerate(runs.items()):
        known = {one.name: distance(one) for one in figures if math.isfinite(distance(one))}
        rows = [names.index(name) + 0.16 * (place - (len(runs) - 1) / 2) for name in known]
        look: dict[str, Any] = {"color": PALETTE[place % len(PALETTE)], "marker": MARKERS[place % len(MARKERS)]}
        axes.plot(list(known.values()), rows, linestyle="", markersize=5, label=run, zorder=3, **look)
    axes.set_xscale("symlog", linthresh=LINEAR_UP_TO)
    axes.set_xticks(_ticks(axes.get_xlim()))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    style(axes, title="Samples among real data", x="distance from the mean of real data; worse to the right", y="")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    if len(runs) > 1:
        legend(axes, loc="upper center", bbox_to_anchor=(0.4, -0.8 / (MARGIN_INCHES + ROW_INCHES * len(names))))
    return drawing


def _ticks(ends: tuple[float, float]) -> list[int | float]:
    """Return places on the axis that have a number."""
    return [place for place in (-100, -10, -1, 0, 1, 3, 10, 100, FARTHEST) if ends[0] <= place <= ends[1]]


def distance(figure: Figure) -> float:
    """Return how many half-widths of its null's interval a figure is worse than the mean; nan where that is not known.

    Of a null without a width everything but its mean is ``FARTHEST``.
    """
    if figure.null is None:
        return math.nan
    apart = figure.value - figure.null.mean
    half = figure.null.upper - figure.null.mean if apart > 0 else figure.null.mean - figure.null.lower
    if not math.isfinite(apart) or not math.isfinite(half):
        return math.nan
    relative = min(abs(apart) / half, FARTHEST) if half > 0 else FARTHEST * (apart != 0)
    is_worse = {Better.LOWER: apart > 0, Better.HIGHER: apart < 0, Better.NEAR_NULL: True}[figure.better]
    return relative if is_worse else -relative
