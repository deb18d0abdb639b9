"""Whether a finished training has learned nothing, as far as its settings and losses tell."""

import json
from collections.abc import Sequence
from pathlib import Path

from idm.training import TrainingSettings
from idm.training.learning_rate import learning_rate

FEWEST_LINES = 5
"""Fewer lines of metrics than that say nothing of whether the loss fell."""


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
    if len(losses) >= FEWEST_LINES and min(losses[1:]) >= losses[0]:
        return (
            f"training: the loss never fell below that of the first steps: {losses[0]:.3g}, at the end "
            f"{losses[-1]:.3g}; try another training.learning_rate in a new run, or look at the data with "
            "'idm check-data'"
        )
    return ""


def losses_of(run: Path) -> list[float]:
    """Read the losses in a run's ``metrics.jsonl``; none where it is not there or not readable."""
    try:
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        return [float(row["loss"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []
