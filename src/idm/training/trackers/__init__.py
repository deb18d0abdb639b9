"""Where lines of metrics go beside metrics.jsonl, which is the source of truth.

A tracker that cannot be reached, or fails, never stops a run: one line on standard error says so, and it is told
nothing more. A new one is one file and one line here.
"""

from pathlib import Path

from idm.core.registry import Registry
from idm.training.trackers.base import Careful, Tracker, require
from idm.training.trackers.tensorboard import TensorBoard
from idm.training.trackers.trackio import Trackio
from idm.training.trackers.wandb import Wandb

TRACKERS: Registry[Tracker] = Registry("tracker", {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": Wandb})
"""Trackers by name, which are those of their libraries; each is made from the folder of the run."""


def careful_tracker(name: str, run_folder: str | Path) -> Careful:
    """Return the tracker of that name for the run in a folder; nothing is written or sent before there are metrics.

    Raises:
        UnknownNameError: there is no such tracker.
        SettingsError: its library is not installed.
    """
    make = TRACKERS[name]
    require(name)
    return Careful(name, lambda: make(Path(run_folder)))


__all__ = ["TRACKERS", "Careful", "TensorBoard", "Tracker", "Trackio", "Wandb", "careful_tracker"]
