"""Figures of the levels that walks visit, and of the variances that their steps have."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from idm.report.colours import ACCENT, MUTED
from idm.report.figures import empty_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def levels_of_walks(walks: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw the levels that walks visit, a row for each, the first one standing out.

    Args:
        walks: noise-to-signal ratios of the levels of each, by its name.
    """
    figure, (axes,) = empty_figure(9.2, 0.9 + 0.45 * len(walks))
    for row, kappas in enumerate(walks.values()):
        colour = MUTED if row else ACCENT
        axes.plot(kappas, [-row] * len(kappas), "o-", color=colour, markersize=5, linewidth=0.6)
    axes.set_xscale("log")
    style(axes, title="Levels that are visited", x="noise-to-signal ratio (log scale), noise to the right", y="")
    axes.set_yticks([-row for row in range(len(walks))], [f"{name}, {len(k)}" for name, k in walks.items()])
    axes.set_ylim(-len(walks) + 0.5, 0.5)
    return figure
