"""Measuring the error curves of a run, which are kept beside its checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from idm.core.counts import whole_number
from idm.core.progress import SILENT, Listener
from idm.likelihood import Calibration
from idm.likelihood.curves import LEVELS_OF_CURVES
from idm.run import Run, load, open_data_to_score
from idm.run.curves import NAME
from idm.run.head_training import measure_and_train
from idm.run.measuring import BATCH_SIZE, NUM_SAMPLES
from idm.storage.fits import FOLDER
from idm.training.error_head import HeadFit


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A run whose error curves were measured.

    Attributes:
        run: the run.
        calibration: the curves.
        file: where they are kept.
        head: what a head that was trained on them is worth; None where none was wanted.
    """

    run: Run
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


def calibrate_run(
    run: str | Path,
    data: str | Path | None = None,
    source: Mapping[str, Any] | None = None,
    *,
    num: int = NUM_SAMPLES,
    num_levels: int = LEVELS_OF_CURVES,
    head: str | None = None,
    steps: int | None = None,
    batch_size: int = BATCH_SIZE,
    precision: str | None = None,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
) -> Calibrated:
    """Measure the error curves of a run in a folder; all that is not said here as of ``Run.calibrate``.

    Args:
        run: a run folder or a checkpoint.
        data: a folder or file of other data; the run's own training samples where None.
        source: options that open other data where those of the run do not.
        num: how many samples, the first ones; 0: all.
        num_levels: noise levels, at the most.
        head: a head to train; see ``Run.calibrate``.
        steps: of the optimiser, for the head; 300 by default.
        batch_size: samples per call of the network, at first.
        precision: number format inside the network; as trained by default.
        device: where to measure; the best one found by default.
        trust_code: import and call what a custom source or network names; see ``load``.
        listener: hears how it gets on.

    Raises:
        CheckpointError: no run there, or a damaged one, or a disk that refuses.
    """
    opened = load(run, device=device, trust_code=trust_code).using(precision=precision)
    chosen = open_data_to_score(opened, data, source)
    size, count = whole_number(batch_size, "batch_size"), whole_number(num, "num")
    found, trained = measure_and_train(
        opened,
        chosen,
        num=count,
        num_levels=num_levels,
        head=head,
        steps=steps,
        batch_size=size,
        listener=listener,
    )
    return Calibrated(opened, found, opened.folder / FOLDER / f"{NAME}.safetensors", trained)
