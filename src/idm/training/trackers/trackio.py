"""Trackio, which keeps its database on this machine unless it is told otherwise."""

from pathlib import Path
from typing import Any

from idm.training.trackers.base import library, numbers


class Trackio:
    """Continues one Trackio run per folder, of the folder's name."""

    def __init__(self, run: Path) -> None:
        """Begin, or go on.

        Raises:
            SettingsError: trackio is not installed.
        """
        self._run = library("trackio", "trackio").init(project="idm", name=run.absolute().name, resume="allow")

    def log(self, row: dict[str, Any]) -> None:
        """Store the numbers of a line at its step."""
        self._run.log(numbers(row), step=row["step"])

    def close(self) -> None:
        """Finish."""
        self._run.finish()
