"""What was recorded of runs beside their losses, over the steps of training; a new trace is a line in ``TRACES``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idm.report.colours import PALETTE
from idm.report.curves import MARKERS
from idm.report.densities import PANEL_INCHES
from idm.report.figures import empty_figure, legend_below, standard_error, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]
"""Lines of metrics.jsonl."""


@dataclass(frozen=True)
class Trace:
    """A number that lines of metrics have now and then.

    Attributes:
        name: what it is called there.
        error: what its standard error is called there.
        title: what is shown.
        y: what the values are.
    """

    name: str
    error: str
    title: str
    y: str


TRACES = (
    Trace("held_out_bpd", "held_out_bpd_error", "Held-out data during training, estimated", "bits/dim"),
    Trace("memorised", "memorised_error", "Training errors below held-out ones", "share of the held-out error"),
)
"""What is drawn where lines of metrics have it."""


def traces_of(runs: Mapping[str, Rows]) -> "list[Figure]":
    """Draw each trace that a run has, a curve for each run with its standard errors.

    Args:
        runs: lines of metrics of each run, by its name; where there are several, each has its colour in all drawings.
    """
    known = ((trace, {name: _of(trace, rows) for name, rows in runs.items()}) for trace in TRACES)
    return [_drawn(trace, found) for trace, found in known if any(found.values())]


def _of(trace: Trace, rows: Rows) -> list[tuple[float, float, float]]:
    told = [row for row in rows if {"step", trace.name} <= row.keys()]
    return [(row["step"], row[trace.name], standard_error(row, trace.error)) for row in told]


def _drawn(trace: Trace, runs: Mapping[str, Sequence[tuple[float, float, float]]]) -> "Figure":
    figure, (axes,) = empty_figure(*PANEL_INCHES)
    for place, (name, found) in enumerate(runs.items()):
        if not found:
            continue
        steps, values, errors = zip(*found, strict=True)
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        axes.errorbar(steps, values, errors, color=colour, marker=marker, markersize=4, linewidth=1.3, label=name)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5)
    style(axes, title=trace.title, x="optimiser steps", y=trace.y)
    if len(runs) > 1:
        legend_below(axes, PANEL_INCHES[1])
    return figure
