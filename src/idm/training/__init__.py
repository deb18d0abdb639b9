"""Training: steps, averages, metrics and checkpoints of a run."""

from idm.training.checkpoint import Checkpoint, latest_checkpoint, open_checkpoint, save_checkpoint
from idm.training.loop import Trainer, ema_name
from idm.training.settings import TrainingSettings
from idm.training.step import TrainStep

__all__ = [
    "Checkpoint",
    "TrainStep",
    "Trainer",
    "TrainingSettings",
    "ema_name",
    "latest_checkpoint",
    "open_checkpoint",
    "save_checkpoint",
]
