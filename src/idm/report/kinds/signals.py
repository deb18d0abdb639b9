"""Signals: the channels of each stacked over a common axis of time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from idm.report.colours import INK, MUTED, PALETTE, WHITE
from idm.report.figures import empty_figure, raster
from idm.report.kinds.base import SamplePicture, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CHANNELS, MOST_PLACES = 16, 1200
"""Most channels that are drawn, and places of a line; of longer ones the smallest and largest value of each few."""

WIDTH_INCHES, LEAST_PANEL_INCHES, MOST_PANEL_INCHES = 10.0, 0.7, 5.0
"""Width of all panels, which is exceeded where they would be narrower than the second; the third is the widest."""

ROWS_INCHES, GAP_INCHES = 8.5, 0.14
"""About the height of all rows, and the space between panels."""

LETTER_INCHES, SMALL_LETTER_INCHES, LINE_INCHES = 0.08, 0.06, 0.2
"""About the width of a letter, and of a smaller one, and the height of a line of text."""

LONGEST_NAME = 18
"""Characters of a channel's name; longer ones end in dots."""

PANEL = "#f3f5f8"


@final
class SignalPicture(SamplePicture):
    """A panel per sample, in which each channel has a row of its own; names at the left, time below."""

    @property
    def most(self) -> int:
        """Four rows of four."""
        return 16

    def columns(self, count: int) -> int:
        """Return more the more samples there are."""
        return min(count, 4 if count > 9 else 3 if count > 4 else 2)

    def _laid_out(self, x: Float[Tensor, "n c length"], columns: int, names: Sequence[str]) -> Image.Image:
        channels = min(self.shown.channels, MOST_CHANNELS)
        trace = 0.62 if channels == 1 else 0.42 if channels <= 4 else 0.34
        rows = min(math.ceil(len(x) / columns), max(1, int(ROWS_INCHES / (channels * trace + GAP_INCHES))))
        unit, places = _envelope(self.shown.codec.preview(x[: rows * columns, :])[:, :channels])
        layout = _Layout.of(self.shown, channels, rows, columns, trace, top=LINE_INCHES if names else 0.0)
        figure, (axes,) = empty_figure(layout.width, layout.height)
        figure.set_layout_engine("none")
        axes.set_position((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0, layout.width), ylim=(0, layout.height))
        axes.axis("off")
        _draw_lines(axes, layout, unit, places)
        _write_names(axes, layout, self.shown, names)
        _write_times(axes, layout, self.shown, len(unit))
        remarks = [f"first {len(unit):,} of {len(x):,} samples"] if len(unit) < len(x) else []
        remarks += [f"first {channels} of {self.shown.channels:,} channels"] if channels < self.shown.channels else []
        remarks += [] if self.shown.codec.bounded else [f"heights {self.shown.stretch}"]
        axes.text(0.08, 0.1, "; ".join(remarks), fontsize=7.5, color=MUTED, va="center")
        return raster(figure)


@dataclass(frozen=True)
class _Layout:
    """Where things are, in inches from the left and from the bottom."""

    channels: int
    rows: int
    across: int
    trace: float
    panel: float
    left: float
    width: float
    height: float

    @classmethod
    def of(cls, shown: Shown, channels: int, rows: int, across: int, trace: float, top: float) -> "_Layout":
        """Give the panels the width that there is, and the names theirs."""
        panel = min(MOST_PANEL_INCHES, max(LEAST_PANEL_INCHES, WIDTH_INCHES / across - GAP_INCHES))
        left = 0.16 + max(
            max(LETTER_INCHES * len(_name(shown, channel)), SMALL_LETTER_INCHES * len(_span(shown, channel)))
            for channel in range(channels)
        )
        width = left + across * (panel + GAP_INCHES)
        height = 3.4 * LINE_INCHES + rows * (channels * trace + GAP_INCHES) + top
        return cls(channels, rows, across, trace, panel, left, width, height)

    def corner(self, sample: int) -> tuple[float, float]:
        """Return the left and the bottom of the panel of a sample."""
        row, column = divmod(sample, self.across)
        bottom = 3.4 * LINE_INCHES + (self.rows - 1 - row) * (self.channels * self.trace + GAP_INCHES)
        return self.left + column * (self.panel + GAP_INCHES), bottom

    def base(self, sample: int, channel: int) -> float:
        """Return the bottom of the row of a channel; the first is the highest."""
        return self.corner(sample)[1] + (self.channels - 1 - channel) * self.trace


def _envelope(unit: Float[np.ndarray, "n c length"]) -> tuple[Float[np.ndarray, "n c m"], Float[np.ndarray, " m"]]:
    """Return values and their places from 0 to 1; of many, the smallest and the largest of each few in turn."""
    length = unit.shape[-1]
    if length <= MOST_PLACES:
        return unit, np.linspace(0.0, 1.0, length) if length > 1 else np.array([0.5])
    few = math.ceil(2 * length / MOST_PLACES)
    parts = np.pad(unit, ((0, 0), (0, 0), (0, -length % few)), mode="edge").reshape(*unit.shape[:2], -1, few)
    both = np.stack([parts.min(-1), parts.max(-1)], axis=-1).reshape(*unit.shape[:2], -1)
    return both, np.linspace(0.0, 1.0, both.shape[-1])


def _draw_lines(
    axes: "Axes", layout: _Layout, unit: Float[np.ndarray, "n c m"], places: Float[np.ndarray, " m"]
) -> None:
    """Draw panels, and in them a line for each channel, or a dot where it has one value."""
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.patches import Rectangle

    corners = [layout.corner(sample) for sample in range(len(unit))]
    panels = [Rectangle(corner, layout.panel, layout.channels * layout.trace) for corner in corners]
    axes.add_collection(PatchCollection(panels, facecolor=PANEL, linewidths=0))
    for channel in range(layout.channels):
        bases = np.array([layout.base(sample, channel) for sample in range(len(unit))])
        across = np.array([left for left, _ in corners])[:, None] + (0.02 + 0.96 * places) * layout.panel
        up = bases[:, None] + layout.trace * (0.08 + 0.84 * unit[:, channel])
        lines, colour = np.stack([across, up], axis=-1), PALETTE[channel % 6]
        axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.9))
        if len(places) == 1:
            axes.plot(across[:, 0], up[:, 0], "o", color=colour, markersize=3)
        if channel:
            ends = [
                ((left, at + layout.trace), (left + layout.panel, at + layout.trace))
                for (left, _), at in zip(corners, bases, strict=True)
            ]
            axes.add_collection(LineCollection(ends, colors=WHITE, linewidths=1.2))


def _write_names(axes: "Axes", layout: _Layout, shown: Shown, names: Sequence[str]) -> None:
    """Write names of channels and the values between which their rows lie at the left, and those of columns above."""
    for row in range(layout.rows):
        for channel in range(layout.channels):
            middle = layout.base(row * layout.across, channel) + layout.trace / 2
            name, span = _name(shown, channel), _span(shown, channel)
            right = layout.left - 0.08
            if name:
                axes.text(right, middle + 0.075, name, fontsize=8, color=INK, ha="right", va="center")
            axes.text(right, middle - (0.075 if name else 0), span, fontsize=6.5, color=MUTED, ha="right", va="center")
    fits = max(1, int(layout.panel / LETTER_INCHES))
    for column, name in enumerate(names):
        left = layout.left + column * (layout.panel + GAP_INCHES)
        text = _shortened(name, fits)
        axes.text(left + layout.panel / 2, layout.height - 0.12, text, fontsize=8, color=INK, ha="center", va="center")


def _write_times(axes: "Axes", layout: _Layout, shown: Shown, count: int) -> None:
    """Write the times below the last sample of each column, in seconds, milliseconds or places."""
    from matplotlib.ticker import MaxNLocator

    last = shown.shape[1] - 1
    rate, unit = (1.0, "place in the signal") if shown.rate_hz is None else (shown.rate_hz, "time (s)")
    if shown.rate_hz is not None and last / rate < 1.0:
        rate, unit = rate / 1e3, "time (ms)"
    end = max(last, 1) / rate
    steps = MaxNLocator(max(1, min(6, int(layout.panel / 0.6))), steps=[1, 2, 5, 10], integer=shown.rate_hz is None)
    ticks = [float(tick) for tick in steps.tick_values(0.0, end) if 0 <= tick <= end * (1 + 1e-9)]
    for column in range(layout.across):
        sample = max(i for i in range(count) if i % layout.across == column)
        left, bottom = layout.corner(sample)
        for tick in ticks:
            part = tick / end
            at = left + (0.02 + 0.96 * part) * layout.panel
            axes.plot([at, at], [bottom - 0.04, bottom], color=MUTED, linewidth=0.6)
            side = "left" if part < 0.1 else "right" if part > 0.9 else "center"
            axes.text(at, bottom - 0.06, f"{tick:,.6g}", fontsize=7, color=MUTED, ha=side, va="top")
    middle = layout.left + layout.across * (layout.panel + GAP_INCHES) / 2
    axes.text(middle, 1.6 * LINE_INCHES, unit, fontsize=8, color=MUTED, ha="center", va="center")


def _name(shown: Shown, channel: int) -> str:
    """Name a channel; the only one has no number."""
    only = shown.channels == 1 and shown.channel_names is None
    return "" if only else _shortened(shown.name(channel), LONGEST_NAME)


def _span(shown: Shown, channel: int) -> str:
    return " to ".join(shown.ends(channel))


def _shortened(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: max(1, most - 1)]}…"
