"""Everything that a run of the benchmark found, and its JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from idm.bench.check import Check
from idm.bench.peak import Peak
from idm.bench.table import Outcome
from idm.core.files import write_atomically
from idm.storage.results import Results as FolderResults

RESULTS, WHAT = "results.json", "a benchmark"


@dataclass(frozen=True)
class Results:
    """What was found so far.

    Attributes:
        machine: processor, threads, card and versions.
        command: the command line.
        rounds: how often every row was timed.
        checks: the numerics, all of them passed.
        peaks: the machine's own limit by number format.
        outcomes: the tables.
    """

    machine: Mapping[str, str]
    command: str
    rounds: int
    checks: Sequence[Check]
    peaks: Mapping[torch.dtype, Peak]
    outcomes: Sequence[Outcome]

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "machine": dict(self.machine),
            "command": self.command,
            "rounds": self.rounds,
            "numerics": [asdict(check) | {"passed": check.passed} for check in self.checks],
            "peaks": {str(dtype).removeprefix("torch."): asdict(peak) for dtype, peak in self.peaks.items()},
            "tables": [_plain(outcome) for outcome in self.outcomes],
        }


def _plain(outcome: Outcome) -> dict[str, Any]:
    rows = [
        {
            **asdict(row.comparison),
            "flops_per_second": row.rate or None,
            "share_of_peak": row.share or None,
            "images_per_second": outcome.images / row.comparison.seconds or None,
        }
        for row in outcome.rows
    ]
    return {
        "workload": outcome.workload,
        "title": outcome.title,
        "rows": rows,
        "peak_bytes": dict(outcome.memory),
    }


def write_results(plain: Mapping[str, Any], results: FolderResults) -> None:
    """Put what was found so far in place of what was found before.

    Args:
        plain: JSON-able values.
        results: the folder for them.
    """
    text = json.dumps(plain, indent=1, allow_nan=False) + "\n"
    results.put(WHAT, lambda folder: {"results": write_atomically(folder / RESULTS, text.encode())})
