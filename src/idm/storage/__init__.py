"""What is kept on disk: checkpoints, manifests, which of them stay, fits, locks, lines, folders for results."""

from idm.storage.checkpoint import Checkpoint, save_checkpoint
from idm.storage.fit_file import Fit
from idm.storage.fits import Fits
from idm.storage.newest import latest_checkpoint, open_checkpoint
from idm.storage.retention import Retention

__all__ = [
    "Checkpoint",
    "Fit",
    "Fits",
    "Retention",
    "latest_checkpoint",
    "open_checkpoint",
    "save_checkpoint",
]
