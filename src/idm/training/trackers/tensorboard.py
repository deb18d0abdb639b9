"""TensorBoard: ``tensorboard --logdir RUN``."""

import importlib
from pathlib import Path
from typing import Any

from idm.core.places import folder_in
from idm.training.trackers.base import numbers


class TensorBoard:
    """Writes event files to RUN/tensorboard."""

    def __init__(self, run_folder: Path) -> None:
        """Open the folder."""
        module = importlib.import_module("torch.utils.tensorboard")
        self._writer = module.SummaryWriter(str(folder_in(run_folder, "tensorboard")))

    def log(self, row: dict[str, Any]) -> None:
        """Write the numbers of a line at its step."""
        for name, value in numbers(row).items():
            self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Close the files."""
        self._writer.close()
