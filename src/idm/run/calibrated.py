"""The error curves of a run, and a head where one is wanted: measured, trained and kept in one go."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from idm.core.counts import at_least
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.likelihood import Calibration
from idm.likelihood.curves import LEVELS_OF_CURVES
from idm.run.curves import NAME
from idm.run.data import Data
from idm.run.head_training import BATCH_SIZE, NUM_STEPS, require_head, train_head
from idm.run.measuring import measure_curves
from idm.run.opened import Opened
from idm.training.error_head import HeadFit


@dataclass(frozen=True)
class CalibrateRequest:
    """What is to be measured, and trained; see ``Run.calibrate``.

    Attributes:
        num: how many samples, the first ones; 0: all.
        num_levels: noise levels, at the most.
        head: a head to train on all training samples, one of ``HEADS``; none where None.
        steps: of the optimiser, for the head; 300 where None.
        batch_size: samples per call of the network, at first; fewer where memory is short.
    """

    num: int = 1024
    num_levels: int = LEVELS_OF_CURVES
    head: str | None = None
    steps: int | None = None
    batch_size: int = 512


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A run whose error curves were measured.

    Attributes:
        run: the run.
        calibration: the curves.
        file: where they are kept.
        head: what a head that was trained on them is worth; None where none was wanted.
    """

    run: Opened
    calibration: Calibration
    file: Path
    head: HeadFit | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return the curve of all values by name, as ``idm calibrate --json`` prints it."""
        curve = self.calibration.together
        return {
            "checkpoint": self.run.name,
            "num": self.calibration.num,
            "kappa": [math.exp(value) for value in curve.log_kappa],
            "error": list(curve.mean_squared_error),
            "standard_error": list(curve.standard_error),
            "head": None if self.head is None else asdict(self.head),
        }


def measure_and_train(run: Opened, data: Data, wanted: CalibrateRequest, listener: Listener = SILENT) -> Calibrated:
    """Measure the curves of a run, then train a head that begins with them, where one is wanted; both are kept.

    Errors as of ``Run.calibrate``; data as of ``measure_curves``.
    """
    head, steps = wanted.head, wanted.steps
    if head is None and steps is not None:
        raise SettingsError(f"steps: none wanted without a head to train, got {steps}; name one with head=npr")
    num, num_steps = at_least(0, wanted.num, "num"), NUM_STEPS if steps is None else steps
    if head is not None:
        require_head(head, num_steps)
    size, levels = wanted.batch_size, wanted.num_levels
    found = measure_curves(run, data, num=num, num_levels=levels, batch_size=size, listener=listener)
    fit = head and train_head(run, data, head, num_steps=num_steps, batch_size=min(BATCH_SIZE, size), listener=listener)
    return Calibrated(run, found, run.fits.path(NAME), fit or None)
