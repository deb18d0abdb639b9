"""What a run's folder recorded of its training, as few lines as a page draws."""

from collections.abc import Mapping, Sequence

from idm.report.over_training import TRACES
from idm.run import Run
from idm.tasks.progress import last_lines

MOST_BYTES, MOST_LINES = 2**26, 2_000
"""Most bytes of metrics that are read, from their end, and about the most lines that are drawn of each number."""

MEASURED = tuple(trace.name for trace in TRACES)
"""What few lines of metrics tell, which are thinned by themselves."""


def recorded_lines(run: Run) -> list[Mapping[str, float]]:
    """Return lines of metrics up to the checkpoint that tell step and loss, thinned; none of imported weights."""
    lines = last_lines(run.folder / "metrics.jsonl", MOST_BYTES)
    known = [{name: float(value) for name, value in line.items() if value is not None} for line in lines]
    return thinned([line for line in known if {"step", "loss"} <= line.keys() and 0 <= line["step"] <= run.step])


def thinned(lines: Sequence[Mapping[str, float]]) -> list[Mapping[str, float]]:
    """Return lines evenly from all, and from those that tell each number of ``MEASURED``; the last of each, too."""
    kept = set[int]()
    for name in ("loss", *MEASURED):
        told = [number for number, line in enumerate(lines) if name in line]
        kept |= {*told[:: max(1, -(-len(told) // MOST_LINES))], *told[-1:]}
    return [lines[number] for number in sorted(kept)]
