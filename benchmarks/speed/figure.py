"""The picture of a benchmark: paired ratios as bars on a log scale, with quartiles as whiskers and goals as marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idm.bench.harness import Comparison
from idm.bench.table import Outcome
from idm.report.colours import ACCENT, INK, MUTED, PALETTE, RULE
from idm.report.figures import DPI, style
from speed.judging import Judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, LINE, MARGIN = 9.2, 0.23, 1.5
"""Inches: of the figure, of a line in it, and of what is above and below the lines."""
REACHED, MISSED, NO_GOAL = PALETTE[0], ACCENT, "#b9c4ce"
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0)
ROOM = 1.35
"""Factor between the outermost bars and the edge."""


@dataclass(frozen=True)
class Bar:
    """A paired ratio.

    Attributes:
        label: which row; where it is not compared with the table's first, with which.
        found: its ratio and quartiles.
        goal: the ratio that it shall reach; None where there is none.
        reached: whether it does.
    """

    label: str
    found: Comparison
    goal: float | None = None
    reached: bool = True

    @property
    def colour(self) -> str:
        """What became of its goal."""
        if self.goal is None:
            return NO_GOAL
        return REACHED if self.reached else MISSED


def bars(judged: Judged) -> Iterator[Bar]:
    """Go through the rows below the first, then through the goals that compare two of them with each other."""
    rows = {row.comparison.name: row.comparison for row in judged.outcome.rows}
    base, *others = rows
    goals = {(verdict.row, verdict.base): verdict for verdict in judged.verdicts if verdict.base}
    for name in others:
        verdict = goals.pop((name, base), None)
        if verdict is None:
            yield Bar(name, rows[name])
        else:
            yield Bar(name, rows[name], verdict.mark, verdict.reached)
    for (name, other), verdict in goals.items():
        yield Bar(f"{name} / {other}", rows[name].against(rows[other]), verdict.mark, verdict.reached)


def speed_figure(tables: Sequence[Judged]) -> "Figure":
    """Draw the rows of every table beside its first; bars to the right are faster than it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = [(judged.outcome, list(bars(judged))) for judged in tables]
    lines = sum(1.4 + len(group) for _, group in groups)
    figure = Figure(figsize=(WIDTH, MARGIN + LINE * lines), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots()
    y, labels = 0.0, dict[float, str]()
    for outcome, group in groups:
        y += 0.4
        _heading(axes, y, outcome)
        for bar in group:
            y += 1.0
            _draw(axes, y, bar)
            labels[y] = bar.label
        y += 1.0
    style(axes, title="Speed side by side", x="times as fast (log scale)", y="")
    _scale(axes, [bar for _, group in groups for bar in group], labels, y)
    _legend(axes)
    return figure


def _heading(axes: "Axes", y: float, outcome: Outcome) -> None:
    """Write what a group of bars shows, at the left edge."""
    where: Any = axes.get_yaxis_transform()
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    text = f"{outcome.title[:1].upper()}{outcome.title[1:]}"
    options: Any = {"fontsize": 8, "va": "center", "bbox": white, "zorder": 4}
    heading = axes.annotate(text, (0.012, y), xycoords=where, color=INK, fontweight="bold", **options)
    against = f"against {outcome.rows[0].comparison.name}"
    axes.annotate(
        against, (1.0, 0.5), xycoords=heading, xytext=(4, 0), textcoords="offset points", color=MUTED, **options
    )


def _draw(axes: "Axes", y: float, bar: Bar) -> None:
    found = bar.found
    axes.barh(y, found.ratio - 1.0, left=1.0, height=0.62, color=bar.colour, linewidth=0, zorder=2)
    axes.plot([found.low, found.high], [y, y], color=INK, linewidth=1.1, zorder=3, solid_capstyle="butt")
    if bar.goal is not None:
        axes.plot([bar.goal, bar.goal], [y - 0.42, y + 0.42], color=INK, linewidth=1.8, zorder=3)
    right = found.ratio >= 1.0
    edge = max(found.high, bar.goal or 0.0) if right else min(found.low, bar.goal or found.low)
    axes.annotate(
        f"{found.ratio:.2f}",
        (edge, y),
        xytext=(5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=7.5,
        color=INK,
    )


def _scale(axes: "Axes", drawn: Sequence[Bar], labels: dict[float, str], bottom: float) -> None:
    """Set limits and ticks: vertical lines at round ratios, a dark one at 1."""
    values = [value for bar in drawn for value in (bar.found.low, bar.found.high, bar.goal or 1.0)]
    low, high = min((1.0, *values)) / ROOM, max((1.0, *values)) * ROOM
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(bottom + 0.2, -0.4)
    axes.minorticks_off()
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(list(labels), list(labels.values()))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.axvline(1.0, color=MUTED, linewidth=0.9, zorder=2.5)


def _legend(axes: "Axes") -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Any] = [
        Patch(color=REACHED, label="goal reached"),
        Patch(color=MISSED, label="goal missed"),
        Patch(color=NO_GOAL, label="no goal"),
        Line2D([], [], color=INK, linewidth=1.1, label="quartiles"),
        Line2D([], [], color=INK, linewidth=0, marker="|", markersize=9, markeredgewidth=1.8, label="goal"),
    ]
    options: Any = {"frameon": False, "fontsize": 8, "labelcolor": INK, "handlelength": 1.4, "columnspacing": 1.4}
    axes.legend(handles=entries, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(entries), **options)
