"""What a run writes down of itself: metrics, events, and lines for trackers."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idm.storage.lines import JsonLines
from idm.training.trackers import Tracker

METRICS, EVENTS = "metrics_length", "events_length"
"""Names in a checkpoint of the sizes of the two files."""


class Journal:
    """``metrics.jsonl`` and ``events.jsonl`` of a run; where there are several processes, the main one writes.

    Attributes:
        seconds: time spent in training up to the last line of metrics.
    """

    def __init__(
        self, run_folder: Path, lengths: Mapping[str, int], *, writes: bool = True, trackers: Sequence[Tracker] = ()
    ) -> None:
        """Open the files and drop what came after the checkpoint that training goes on from.

        Args:
            run_folder: folder of the run.
            lengths: sizes that the files had then, as ``commit`` told; empty for a new run.
            writes: whether this process writes.
            trackers: told every line of metrics.
        """
        self._run_folder, self._writes, self._trackers = run_folder, writes, trackers if writes else ()
        self.seconds = 0.0
        self._step, self._time = 0, time.monotonic()
        if writes:
            self._metrics = JsonLines(run_folder / "metrics.jsonl", lengths.get(METRICS, 0))
            self._events = JsonLines(run_folder / "events.jsonl", lengths.get(EVENTS, 0))

    @property
    def events_path(self) -> Path:
        """Where events are."""
        return self._run_folder / "events.jsonl"

    def start(self, step: int) -> None:
        """Begin to measure time, with ``step`` steps done."""
        self._step, self._time = step, time.monotonic()

    def log(self, step: int, batch_size: int, means: Mapping[str, float], **values: int | float) -> str:
        """Append a line of metrics, and return a few words of it.

        Args:
            step: completed optimiser steps.
            batch_size: images per step.
            means: losses since the last line; empty if none was finite.
            values: what else belongs there; what is not finite becomes null.
        """
        # Speed is that since the last line: a mean over the whole run would hide what slows it down now.
        now, steps = time.monotonic(), step - self._step
        elapsed = max(now - self._time, 1e-9)
        self._step, self._time = step, now
        self.seconds += elapsed
        if not means:
            return "no finite loss"
        # Of a step that was made before the last stop only the line is left to write, and no speed is known.
        rate, waited = steps * batch_size / elapsed if steps else None, values.pop("waited", 0.0) / elapsed
        row: dict[str, Any] = {
            "step": step,
            "images": step * batch_size,
            **means,
            **{name: value if math.isfinite(value) else None for name, value in values.items()},
            "images_per_second": None if rate is None else round(rate, 2),
            "waited": round(waited, 3),
            "seconds": round(self.seconds, 2),
        }
        self._append(row)
        slow = f", {waited:.0%} of the time waiting for data" if waited >= LONG_WAIT_SHARE else ""
        speed = "" if rate is None else f", {rate:,.0f} images/s"
        return f"loss {means['loss']:.4f}{speed}{slow}"

    def event(self, **row: Any) -> None:
        """Append an event."""
        if self._writes:
            self._events.append(row)

    def commit(self) -> dict[str, int]:
        """Have all lines reach the disk, and return the sizes of the files.

        Raises:
            OSError: the disk refuses.
        """
        return {METRICS: self._metrics.commit(), EVENTS: self._events.commit()}

    def go_back(self, metrics_length: int) -> None:
        """Drop the metrics after ``metrics_length`` bytes; what happened stays written."""
        if self._writes:
            self._metrics.cut(metrics_length)

    def close(self) -> None:
        """Let the trackers finish."""
        for tracker in self._trackers:
            tracker.close()

    def _append(self, row: dict[str, Any]) -> None:
        if not self._writes:
            return
        self._metrics.append(row)
        for tracker in self._trackers:
            tracker.log(row)


LONG_WAIT_SHARE = 0.1
"""Smallest share of the time of which progress says that training waits for data."""
