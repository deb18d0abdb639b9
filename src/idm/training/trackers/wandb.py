"""Weights & Biases. Whether anything leaves this machine is up to its own WANDB_MODE; ``offline`` keeps it here."""

import importlib
from pathlib import Path
from typing import Any

from idm.core.places import folder_in
from idm.training.trackers.base import name_of, numbers


class Wandb:
    """Continues one W&B run per folder."""

    def __init__(self, run_folder: Path) -> None:
        """Begin, or go on."""
        folder_in(run_folder, "wandb")  # which it makes there
        name, ident = run_folder.resolve().name, name_of(run_folder)
        self._run = importlib.import_module("wandb").init(
            project="idm", name=name, id=ident, dir=str(run_folder), resume="allow"
        )

    def log(self, row: dict[str, Any]) -> None:
        """Send the numbers of a line at its step."""
        self._run.log(numbers(row), step=row["step"])

    def close(self) -> None:
        """Finish."""
        self._run.finish()
