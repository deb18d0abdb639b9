"""What a tracker is given, and what happens where one fails."""

import hashlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from idm.core.errors import SettingsError
from idm.core.progress import warn
from idm.core.text import one_line


@runtime_checkable
class Tracker(Protocol):
    """Shows a run elsewhere. It is given what metrics.jsonl holds; nothing is read back from it."""

    def log(self, row: dict[str, Any]) -> None:
        """Take a line of metrics: "step", and numbers by name; None where there is no number."""
        ...

    def close(self) -> None:
        """End the record of the run; nothing more is logged."""
        ...


class Careful:
    """Tells a tracker until it fails; from then on nothing, after one line on standard error.

    It is made when there is something to tell: by the process that writes, in a folder that is the run's by then.
    """

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        """Hold what the tracker is called, and what makes it."""
        self._name, self._make = name, make
        self._tracker: Tracker | None = None
        self._failed = False

    def log(self, row: dict[str, Any]) -> None:
        """Pass a line of metrics on."""
        if self._failed:
            return
        try:
            self._tracker = self._tracker or self._make()
            self._tracker.log(row)
        except Exception as error:
            self._drop(error)

    def close(self) -> None:
        """Pass the end on."""
        if self._failed or self._tracker is None:
            return
        try:
            self._tracker.close()
        except Exception as error:
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        self._failed = True
        warn(f"tracker {self._name}: {type(error).__name__}: {one_line(error)}; it is told nothing more")


def name_of(run_folder: Path) -> str:
    """Return a name for a run elsewhere: its folder's, and what tells that from folders of the same name."""
    path = run_folder.resolve()
    return f"{path.name}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """Return what of a line of metrics are numbers, without the step."""
    return {name: float(value) for name, value in row.items() if name != "step" and value is not None}


def require(package: str) -> None:
    """Refuse a tracker whose library is not there, without importing it.

    Raises:
        SettingsError: it is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:  # a mere folder of that name, such as W&B's own output
        raise SettingsError(f"tracker: {package} wanted, which is not installed; pip install {package}")
