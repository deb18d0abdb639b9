"""Trackio, which keeps its database on this machine unless it is told otherwise."""

import importlib
from pathlib import Path
from typing import Any

from idm.training.trackers.base import name_of, numbers


class Trackio:
    """Continues one Trackio run per folder."""

    def __init__(self, run_folder: Path) -> None:
        """Begin, or go on."""
        self._run = importlib.import_module("trackio").init(project="idm", name=name_of(run_folder), resume="allow")

    def log(self, row: dict[str, Any]) -> None:
        """Store the numbers of a line at its step."""
        self._run.log(numbers(row), step=row["step"])

    def close(self) -> None:
        """Finish."""
        self._run.finish()
