"""Where lines of metrics go beside metrics.jsonl, which is the source of truth.

A tracker that cannot be reached, or fails, never stops a run: one line on standard error says so, and it is told
nothing more. A new one is one file and one line here.
"""

from idm.core.registry import Registry
from idm.training.trackers.base import Careful, Tracker
from idm.training.trackers.tensorboard import TensorBoard
from idm.training.trackers.trackio import Trackio
from idm.training.trackers.wandb import Wandb

TRACKERS: Registry[Tracker] = Registry("tracker", {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": Wandb})
"""Trackers by name; each is made from the folder of the run."""

__all__ = ["TRACKERS", "Careful", "TensorBoard", "Tracker", "Trackio", "Wandb"]
