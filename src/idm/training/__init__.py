"""Training: steps, averages, metrics and checkpoints of a run."""

from idm.training.checkpoint import Checkpoint, latest_checkpoint, open_checkpoint, save_checkpoint
from idm.training.clock import Deadline, parse_duration
from idm.training.loop import Trainer
from idm.training.retention import Retention
from idm.training.settings import TrainingSettings
from idm.training.state import ema_name
from idm.training.step import TrainStep
from idm.training.trackers import Tracker
from idm.training.verify import Verdict, verify_checkpoint, verify_run

__all__ = [
    "Checkpoint",
    "Deadline",
    "Retention",
    "Tracker",
    "TrainStep",
    "Trainer",
    "TrainingSettings",
    "Verdict",
    "ema_name",
    "latest_checkpoint",
    "open_checkpoint",
    "parse_duration",
    "save_checkpoint",
    "verify_checkpoint",
    "verify_run",
]
