"""Training: steps, averages, metrics and checkpoints of a run."""

from idm.training.clock import Deadline, parse_duration
from idm.training.loop import Trainer
from idm.training.settings import TrainingSettings
from idm.training.state import ema_name
from idm.training.step import TrainStep
from idm.training.trackers import Tracker
from idm.training.verify import Verdict, verify_checkpoint, verify_run

__all__ = [
    "Deadline",
    "Tracker",
    "TrainStep",
    "Trainer",
    "TrainingSettings",
    "Verdict",
    "ema_name",
    "parse_duration",
    "verify_checkpoint",
    "verify_run",
]
