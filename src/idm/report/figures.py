"""Figures of a run: loss over training, the bound over timesteps, points. Drawn without matplotlib's global state.

Every figure is white with dark lines. ``png`` and ``svg`` turn it into what a file or a page takes.
"""

import io
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from idm.core.errors import DataError
from idm.report.colours import ACCENT, INK, MUTED, PALETTE, RULE, SEQUENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI, LAYOUT = 150, "constrained"
QUARTERS = ("least noisy quarter of t", "second quarter", "third quarter", "noisiest quarter of t")
SMALLEST_SHARE = 1e-7
"""Terms that are a smaller share of the largest one, with which they add up to nothing, lie below the axis."""


def empty_figure(width: float, height: float, panels: int = 1) -> "tuple[Figure, list[Axes]]":
    """Make an empty figure, size in inches, with panels side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout=LAYOUT, facecolor="white")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(1, panels, squeeze=False)
    return figure, list(axes[0])


def style(axes: "Axes", *, title: str, x: str, y: str) -> None:
    """Give axes the look of every figure: title at the left, two spines, faint horizontal lines."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK, pad=10)
    axes.set_xlabel(x, fontsize=9, color=MUTED)
    axes.set_ylabel(y, fontsize=9, color=MUTED)
    axes.tick_params(which="both", colors=MUTED, labelsize=8, width=0.6)
    axes.tick_params(which="minor", length=2, labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
        axes.spines[side].set_linewidth(0.6)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def legend(axes: "Axes", **options: Any) -> None:
    """Name what is drawn, without a frame."""
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, **options)


def legend_below(axes: "Axes", inches: float) -> None:
    """Name what is drawn below the axes of a figure that is so many inches high, where names hide nothing."""
    legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.6 / (inches - 1.2)), ncols=2)


def standard_error(row: Mapping[str, int | float], name: str) -> float:
    """Return a standard error that a line of metrics tells; 0 where it tells none, or what cannot be one."""
    error = float(row.get(name, 0.0))
    return error if 0.0 <= error < math.inf else 0.0


def loss_curve(rows: Iterable[Mapping[str, float]]) -> "Figure":
    """Draw the loss of training over steps, and its parts by quarter of the noise levels, on a log scale.

    The parts are the squared error where it is recorded, else the loss itself.

    Args:
        rows: the lines of metrics.jsonl: "step", "loss", and "mse_q0" to "mse_q3" or "loss_q0" to "loss_q3".

    Raises:
        DataError: no rows.
    """
    rows = list(rows)
    if not rows:
        raise DataError("loss curve: at least one line of metrics wanted, got none")
    figure, (axes,) = empty_figure(5.8, 4.4)  # so narrow that all of it is seen on a phone
    part = "mse" if any("mse" in row for row in rows) else "loss"
    for quarter, (label, colour) in enumerate(zip(QUARTERS, SEQUENCE, strict=True)):
        _line(axes, rows, f"{part}_q{quarter}", color=colour, linewidth=1.2, label=f"{part}, {label}")
    _line(axes, rows, "loss", color=ACCENT, linewidth=1.8, label="loss, all t")
    axes.set_yscale("log" if min(row["loss"] for row in rows) > 0 else "linear")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    style(axes, title="Loss over training", x="optimiser steps", y="loss (log scale)")
    legend_below(axes, 4.4)
    return figure


def _line(axes: "Axes", rows: Sequence[Mapping[str, float]], name: str, **options: Any) -> None:
    known = [row for row in rows if name in row]
    if known:
        marker = "o" if len(known) == 1 else ""
        axes.plot([row["step"] for row in known], [row[name] for row in known], marker=marker, **options)


def bound_by_timestep(
    means: Sequence[float], standard_errors: Sequence[float], timesteps: Sequence[int] | Sequence[float]
) -> "Figure":
    """Draw the terms of the variational bound over t, and their running sum from t = 0 upwards.

    Positions are t + 1, so that t = 0, the decoder's term, has a place on a log scale; t itself where times end at 1.

    Args:
        means: mean of each term over images, bits/dim.
        standard_errors: standard errors of the means; nan where there are none.
        timesteps: t of each term, increasing.

    Raises:
        DataError: lists of different lengths, or empty ones.
    """
    lengths = (len(means), len(standard_errors), len(timesteps))
    if len(set(lengths)) > 1 or not means:
        raise DataError(f"bound: as many means, standard errors and timesteps wanted, got {lengths}")
    figure, (terms, running) = empty_figure(9.2, 3.6, panels=2)
    mean, error = np.asarray(means, dtype=np.float64), np.nan_to_num(np.asarray(standard_errors, dtype=np.float64))
    position, of_t = np.asarray(timesteps, dtype=np.float64), "t"
    if position[0] == 0 or position[-1] > 1:
        position, of_t = position + 1, "t + 1"
    positive = bool((mean > 0).all())
    low = np.maximum(mean - error, mean / 10) if positive else mean - error
    terms.fill_between(position, low, mean + error, color=PALETTE[5], alpha=0.5, linewidth=0, label="± 1 std. error")
    terms.plot(position, mean, color=PALETTE[0], linewidth=1.2, label="term of step t")
    terms.set_yscale("log" if positive else "linear")
    if positive:
        terms.set_ylim(bottom=max(low.min(), SMALLEST_SHARE * mean.max()) / 2)
    running.plot(position, np.cumsum(mean), color=PALETTE[0], linewidth=1.5, label="sum from the decoder to step t")
    for axes, title in ((terms, "Bits per dimension of each step"), (running, "Running sum of the steps")):
        axes.set_xscale("log")
        style(axes, title=title, x=f"{of_t} (log scale), noise to the right", y="bits/dim")
        axes.plot(position[:1], mean[:1], "o", color=ACCENT, markersize=5, label="decoder's term", zorder=3)
        legend(axes, loc="best")
    return figure


def png(figure: "Figure") -> bytes:
    """Return the figure as a PNG file of 150 dots per inch."""
    stream = io.BytesIO()
    _write(figure, stream, format="png", dpi=DPI)
    return stream.getvalue()


def raster(figure: "Figure") -> Image.Image:
    """Return the figure as a picture, of as many dots per inch."""
    return Image.open(io.BytesIO(png(figure))).convert("RGB")


def svg(figure: "Figure") -> str:
    """Return the figure as an ``<svg>`` element, to be put into HTML as it is."""
    stream = io.StringIO()
    _write(figure, stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def pdf(figure: "Figure") -> bytes:
    """Return the figure as a PDF file whose letters are text in a font that it carries, as journals ask for."""
    import matplotlib as mpl

    stream = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}):
        _write(figure, stream, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return stream.getvalue()


def _write(figure: "Figure", stream: io.BytesIO | io.StringIO, **options: Any) -> None:
    """Write the figure with every text as it is: what names hold between dollars is no formula.

    Labels of ticks stay formulas, as matplotlib itself writes powers of ten so.
    """
    from matplotlib.axis import Tick
    from matplotlib.text import Text

    ticks = {id(text) for tick in figure.findobj(Tick) for text in tick.findobj(Text)}
    for text in figure.findobj(Text):
        if id(text) not in ticks:
            text.set_parse_math(False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it in the picture
        figure.savefig(stream, **options)
