"""How a run, running or finished, gets on; read from its files alone, without torch."""

import json
import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from idm.core.errors import CheckpointError

MOST_BYTES = 2**20
"""Most bytes that are read of the end of metrics.jsonl."""

LARGEST_SETTINGS_BYTES = 2**17
"""Most bytes that are read of the beginning of experiment.yaml; ours have a few thousand."""

NUM_STEPS = re.compile(rb"^training:\n(?:  .*\n)*?  num_steps: ([1-9][0-9]{0,17})$", re.MULTILINE)
"""Where experiment.yaml, as it is written, says how many steps there will be."""

LARGEST_NUMBER = 1e100
"""What is larger is no figure of a run."""

Figures = dict[str, Any]
"""Finite numbers, or none, by name."""


@dataclass(frozen=True)
class RunProgress:
    """How far a run has got.

    Attributes:
        run_folder: its folder.
        num_steps: optimiser steps that its settings ask for; None where they do not say.
        figures: the last line of its metrics, such as "step" and "loss", and the newest of its held-out bound and of
            its memorisation; empty where nothing is logged yet.
        seconds_left: until all steps are done, at the present rate; None where that is not known.
        num_events: bad steps and returns to a checkpoint so far.
        checkpoint: the newest; None where there is none yet.
        picture: the newest grid of samples; None where there is none yet.
    """

    run_folder: Path
    num_steps: int | None
    figures: Figures
    seconds_left: float | None
    num_events: int
    checkpoint: Path | None
    picture: Path | None

    def to_plain(self) -> dict[str, Any]:
        """Return values by name, as ``idm watch --json`` prints them; what is not known yet is left out."""
        logged = self.figures | {"seconds_left": self.seconds_left} if self.figures else {}
        found = {"checkpoint": self.checkpoint, "pictures": self.picture}
        ours = {"run": self.run_folder, "num_steps": self.num_steps, "events": self.num_events}
        return ours | logged | ours | {name: path for name, path in found.items() if path is not None}


def read_progress(run_folder: str | Path) -> RunProgress:
    """Read how far the run in a folder has got.

    Raises:
        CheckpointError: the folder holds no run.
    """
    run_folder = Path(run_folder)
    if not (run_folder / "experiment.yaml").is_file():
        raise CheckpointError(f"run {run_folder}: no run in this folder; give a folder written by 'idm train'")
    rows, total = last_lines(run_folder / "metrics.jsonl"), _num_steps(run_folder)
    last = rows[-1] if rows else {}
    measured = (_newest(rows, name) for name in ("memorised", "held_out_bpd"))
    return RunProgress(
        run_folder,
        total,
        figures=reduce(or_, measured, Figures()) | last,
        seconds_left=_seconds_left(last, total),
        num_events=len(last_lines(run_folder / "events.jsonl")),
        checkpoint=max(run_folder.glob("checkpoints/step-*"), default=None),
        picture=max(run_folder.glob("samples/step-*.png"), default=None),
    )


def _newest(rows: list[Figures], name: str) -> Figures:
    """Return the last row that has a figure; nothing where none has."""
    return next((row for row in reversed(rows) if name in row), {})


def _num_steps(run_folder: Path) -> int | None:
    """Return the number of steps that the settings say; None where they do not, as they are written."""
    try:
        with (run_folder / "experiment.yaml").open("rb") as stream:
            found = NUM_STEPS.search(stream.read(LARGEST_SETTINGS_BYTES))
    except OSError:
        return None
    return None if found is None else int(found[1])


def _seconds_left(row: Figures, total: int | None) -> float | None:
    rate, step, images = (row.get(name) or 0 for name in ("images_per_second", "step", "images"))
    if total is None or min(rate, step, images) <= 0 or step > total:
        return None
    seconds = (total - step) * (images / step) / rate
    return round(seconds, 1) if seconds < LARGEST_NUMBER else None


def last_lines(path: Path, most: int = MOST_BYTES) -> list[Figures]:
    """Return the numbers in the last lines of a file, of so many bytes; a line that is being written is left out."""
    if not path.is_file():
        return []
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - most))
        lines = stream.read(most).split(b"\n")
    rows: list[Figures] = []
    for line in lines[:-1]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append({name: value for name, value in row.items() if _is_figure(value)})
    return rows


def _is_figure(value: Any) -> bool:
    """Whether a value is what a line of metrics holds: a finite number, or none."""
    return value is None or (type(value) in (int, float) and abs(value) < LARGEST_NUMBER)
