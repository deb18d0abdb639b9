"""Weights & Biases. Whether anything leaves this machine is up to its own WANDB_MODE; ``offline`` keeps it here."""

from pathlib import Path
from typing import Any

from idm.training.trackers.base import library, numbers


class Wandb:
    """Continues one W&B run per folder: its name and id are the folder's name."""

    def __init__(self, run: Path) -> None:
        """Begin, or go on.

        Raises:
            SettingsError: wandb is not installed.
        """
        name = run.absolute().name
        self._run = library("wandb", "wandb").init(project="idm", name=name, id=name, dir=str(run), resume="allow")

    def log(self, row: dict[str, Any]) -> None:
        """Send the numbers of a line at its step."""
        self._run.log(numbers(row), step=row["step"])

    def close(self) -> None:
        """Finish."""
        self._run.finish()
