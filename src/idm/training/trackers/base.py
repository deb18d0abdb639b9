"""What a tracker is told, and what becomes of one that fails."""

import importlib
from typing import Any, Protocol, runtime_checkable

from idm.core.errors import SettingsError
from idm.core.progress import warn


@runtime_checkable
class Tracker(Protocol):
    """Shows a run elsewhere. It is told what metrics.jsonl holds, and never asked anything."""

    def log(self, row: dict[str, Any]) -> None:
        """Hear a line of metrics: "step", and numbers by name; None where there is no number."""
        ...

    def close(self) -> None:
        """Hear that the run ends here."""
        ...


class Careful:
    """Tells a tracker until it fails; from then on nothing, after one line on standard error."""

    def __init__(self, tracker: Tracker) -> None:
        """Wrap a tracker."""
        self._tracker: Tracker | None = tracker

    def log(self, row: dict[str, Any]) -> None:
        """Pass a line of metrics on."""
        if self._tracker is not None:
            try:
                self._tracker.log(row)
            except Exception as error:
                self._drop(self._tracker, error)

    def close(self) -> None:
        """Pass the end on."""
        if self._tracker is not None:
            try:
                self._tracker.close()
            except Exception as error:
                self._drop(self._tracker, error)

    def _drop(self, tracker: Tracker, error: Exception) -> None:
        self._tracker = None
        reason = " ".join(str(error).split())
        warn(f"tracker {type(tracker).__name__}: {type(error).__name__}: {reason}; it is told nothing more")


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """Return what of a line of metrics are numbers, without the step."""
    return {name: float(value) for name, value in row.items() if name != "step" and value is not None}


def library(module: str, package: str) -> Any:
    """Import the library of a tracker.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SettingsError(f"tracker: {package} wanted, which is not installed; pip install {package}") from error
