"""Figures of errors over noise levels, and of the memorisation of a training set as it is trained on."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from idm.core.errors import DataError
from idm.core.level_errors import LevelErrors
from idm.metrics import LevelScores
from idm.report.colours import ACCENT, MUTED, PALETTE
from idm.report.figures import empty_figure, legend, standard_error, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOISE = "noise-to-signal ratio (log scale)"
OF_HELD_OUT, OF_TRAINING = PALETTE[0], ACCENT


def errors_over_levels(scores: LevelScores) -> "Figure":
    """Draw bits/dim, errors of x_0, and what is memorised, over the noise level, with standard errors.

    Errors of the noise are those of x_0 over the square of the axis, and so need no panel of their own.
    """
    figure, (bits, errors, gaps) = empty_figure(12.6, 3.8, panels=3)
    held_out, training = scores.held_out, scores.training
    for axes in (bits, errors):
        axes.set_yscale("log")
    kinds = [("held-out", OF_HELD_OUT, held_out)]
    kinds += [] if training is None else [("training", OF_TRAINING, training)]
    for name, colour, found in kinds:
        if found.bits_per_dim is not None:
            _draw(bits, found.kappa, found.bits_per_dim, colour, name)
        _draw(errors, found.kappa, found.x_start, colour, name)
    if training is not None:
        _draw_memorisation(errors, gaps, training, held_out)
    for axes, title, y in (
        (bits, "Bits per dimension of each step", "bits/dim (log scale)"),
        (errors, "Error of the predicted x_0", "mean squared error (log scale)"),
        (gaps, "Of the error on held-out samples", "share"),
    ):
        axes.set_xscale("log")
        style(axes, title=title, x=NOISE, y=y)
    for axes in (bits, errors):
        legend(axes, loc="best")
    gaps.axhline(0.0, color=MUTED, linewidth=0.8)
    if training is not None:
        legend(gaps, loc="best")
    return figure


def _draw_memorisation(errors: "Axes", gaps: "Axes", training: LevelErrors, held_out: LevelErrors) -> None:
    """Draw the optimum of the training set among the errors, and the gap and the excess in shares."""
    scale = held_out.x_start.mean(0)
    if training.optimum is not None and training.excess is not None:
        least = training.optimum.mean(0)
        shown = least > 0  # on a log scale
        look: dict[str, Any] = {"color": MUTED, "linestyle": "--", "label": "training, the least there is"}
        errors.plot(training.kappa[shown].numpy(), least[shown].numpy(), linewidth=1.2, **look)
        errors.set_ylim(float(scale.min()) / 30, float(scale.max()) * 3)
        _draw(gaps, training.kappa, training.excess / scale, OF_TRAINING, "excess over the least for training")
    gap = 1.0 - training.x_start.mean(0) / scale
    error = torch.hypot(*(each.x_start.std(0) / len(each.x_start) ** 0.5 for each in (training, held_out))) / scale
    of_gap: dict[str, Any] = {"color": OF_HELD_OUT, "linewidth": 1.4, "elinewidth": 0.8}
    of_gap |= {"yerr": error.numpy(), "label": "training below held-out"}
    gaps.errorbar(training.kappa.numpy(), gap.numpy(), **of_gap)


def _draw(axes: "Axes", kappa: Tensor, values: Tensor, colour: str, name: str) -> None:
    """Draw means over samples with their standard errors; on a log scale those above 0."""
    mean, error = values.mean(0), values.std(0) / len(values) ** 0.5
    shown = mean > (0.0 if axes.get_yscale() == "log" else -torch.inf)
    x, y, off = (part[shown].numpy() for part in (kappa, mean, error))
    axes.errorbar(x, y, yerr=off, color=colour, linewidth=1.4, elinewidth=0.8, label=name)


def memorisation_clock(rows: Iterable[Mapping[str, int | float]]) -> "Figure":
    """Draw by how much errors on training samples are below those on held-out ones, over training.

    Args:
        rows: the lines of metrics.jsonl: "step", "memorised", "memorised_error", "memorising_since".

    Raises:
        DataError: none of them tells of memorisation.
    """
    known = [row for row in rows if "memorised" in row]
    if not known:
        raise DataError("memorisation: lines of metrics that tell of it wanted, got none")
    figure, (axes,) = empty_figure(7.4, 3.6)
    steps, shares = ([row.get(name, 0.0) for row in known] for name in ("step", "memorised"))
    errors = [standard_error(row, "memorised_error") for row in known]
    look: dict[str, Any] = {"color": OF_TRAINING, "linewidth": 1.4, "elinewidth": 0.8, "marker": "o", "markersize": 3}
    axes.errorbar(steps, shares, yerr=errors, **look)
    since = known[-1].get("memorising_since")
    if since is not None:
        axes.axvline(since, color=MUTED, linewidth=1.0, linestyle="--", label=f"began by step {since:,.0f}")
        legend(axes, loc="best")
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    style(axes, title="Memorisation", x="optimiser steps", y="training error below held-out")
    return figure
