"""Figures of steps: the levels that walks visit, and what a network learned of the variances."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from idm.core.text import counted
from idm.likelihood import VarianceFractions
from idm.report.colours import ACCENT, MUTED, PALETTE
from idm.report.figures import empty_figure, legend_below, style

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
    axes.set_yticks([-row for row in range(len(walks))], [_of_so_many(name, len(k)) for name, k in walks.items()])
    axes.set_ylim(-len(walks) + 0.5, 0.5)
    return figure


def _of_so_many(name: str, levels: int) -> str:
    """Write a walk's name with the number of its levels; plans are called by it."""
    return name if str(levels) in name.split("-") else f"{name}, {counted(levels, 'level')}"


def learned_and_best(fractions: VarianceFractions) -> "Figure":
    """Draw the fractions that a network learned of the range of its variance, over the noise, beside the best ones."""
    figure, (axes,) = empty_figure(5.8, 4.2)
    kappa = fractions.kappa
    band = "middle half of all values of all samples"
    axes.fill_between(kappa, fractions.lower, fractions.upper, color=PALETTE[5], alpha=0.5, linewidth=0, label=band)
    axes.plot(kappa, fractions.mean, color=PALETTE[0], linewidth=1.4, label="learned, mean")
    axes.plot(kappa, fractions.optimal, color=ACCENT, linewidth=1.6, label="best, if the same for all values")
    axes.set_xscale("log")
    x, y = "noise-to-signal ratio (log scale), noise to the right", "0: the posterior's, 1: that of beta"
    style(axes, title="Variance of reverse steps", x=x, y=y)
    legend_below(axes, 4.2)
    return figure
