"""Rank histograms: whether the truth is any one of the draws."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from idm.report.colours import ACCENT, MUTED
from idm.report.figures import empty_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE_CHARACTERS = 48
"""Characters of a line below a panel."""


def rank_histograms(panels: Sequence[tuple[str, str, Sequence[float]]]) -> "Figure":
    """Draw histograms of the rank of the truth among draws, beside the flat line of draws that are calibrated.

    Args:
        panels: a title, a sentence and the counts by rank, the lowest first, of each.
    """
    figure, every = empty_figure(4.6 * len(panels), 3.4, len(panels))
    for axes, (title, sentence, counts) in zip(every, panels, strict=True):
        total, number = sum(counts), len(counts)
        words = textwrap.fill(sentence.replace("± ", "±\N{NO-BREAK SPACE}"), LINE_CHARACTERS)
        edges = [(place + 0.5) / number for place in range(number)]
        axes.bar(edges, [number * count / total for count in counts], 0.94 / number, color=ACCENT)
        axes.axhline(1.0, color=MUTED, linewidth=1.0, linestyle="--")
        style(
            axes,
            title=title,
            x=f"rank of the truth among the draws\n{words}",
            y="share, 1: calibrated",
        )
        axes.set_xlim(0, 1)
    return figure
