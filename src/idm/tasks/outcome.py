"""Whether a finished training has learned nothing, as far as its settings and losses tell."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from idm.core.phrasing import Call
from idm.training import TrainingSettings
from idm.training.learning_rate import learning_rate

FEWEST_LINES = 5
"""Fewest lines of metrics that say whether the loss fell."""

MANY_LINES = 20
"""Of fewer lines, of which a run on settings that fit it has as many, any that is below the first tells of a fall."""

FEW_STEPS = 500
"""A run of fewer steps may only have been too short."""

LOOK = Call('idm.tasks.check_data("PATH")', ("check-data", "PATH"))
"""What shows what is odd in data."""

SURE_STANDARD_ERRORS = 2.0
"""Fewest standard errors that the loss, of many lines, falls by where it is said to have fallen."""


def reason_to_doubt(settings: TrainingSettings, losses: Sequence[float]) -> str:
    """Say in a line why a training was in vain, and what to do; "" where nothing suggests that.

    Args:
        settings: what it was trained with.
        losses: means of the loss between lines of metrics, from the first step to the last.
    """
    steps, warmup = settings.num_steps, settings.warmup_steps
    if warmup > steps:
        last = learning_rate(settings, steps - 1)
        return (
            f"training: the learning rate never peaked: {last:.2g} of {settings.learning_rate:.2g} after {steps:,} "
            f"steps, as the warm-up takes {warmup:,}; go on with a larger training.num_steps, or begin a new run with "
            f"training.warmup_steps={steps // 10}"
        )
    return "" if len(losses) < FEWEST_LINES else _reason_of_losses(steps, losses)


def _reason_of_losses(steps: int, losses: Sequence[float]) -> str:
    """Compare the first losses with the second half, whose spread is that of a loss that falls no more.

    It fell where the first one lies above the second half, or the first tenth does: at once, or slowly.
    """
    last = losses[len(losses) // 2 :]
    before, after, spread = losses[0], fmean(last), stdev(last)

    def is_above(first: Sequence[float]) -> bool:
        return fmean(first) - after > SURE_STANDARD_ERRORS * spread * math.sqrt(1 / len(first) + 1 / len(last))

    tenth = losses[: max(1, len(losses) // 10)]
    if is_above(losses[:1]) or is_above(tenth) if len(losses) >= MANY_LINES else min(losses[1:]) < losses[0]:
        return ""
    more = "go on with a larger training.num_steps, or " if steps < FEW_STEPS else ""
    return (
        f"training: the loss never fell by more than it varies: {before:.3g} at first, {after:.3g} in the "
        f"second half, where it varies by {spread:.2g}; {more}try another training.learning_rate in a new run, "
        f"or look at the data with {LOOK}"
    )


def losses_of(run_folder: str | Path) -> list[float]:
    """Read the losses in a run's ``metrics.jsonl``: of the lines that tell one; none where it is not readable."""
    try:
        lines = (Path(run_folder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [loss for line in lines if (loss := _loss_in(line)) is not None]


def _loss_in(line: str) -> float | None:
    try:
        loss = float(json.loads(line)["loss"])
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None
    return loss if math.isfinite(loss) else None
