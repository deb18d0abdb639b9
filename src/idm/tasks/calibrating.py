"""Measuring the error curves of a run, which are kept beside its checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm.core.counts import whole_number
from idm.core.progress import SILENT, Listener
from idm.likelihood import Calibration
from idm.likelihood.curves import NUM_LEVELS
from idm.run import Run, load, open_data_to_score
from idm.run.curves import NAME
from idm.run.measuring import BATCH_SIZE, NUM_SAMPLES, measure_curves
from idm.storage.fits import FOLDER


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A run whose error curves were measured.

    Attributes:
        run: the run.
        calibration: the curves.
        file: where they are kept.
    """

    run: Run
    calibration: Calibration
    file: Path

    def to_plain(self) -> dict[str, Any]:
        """Return the curve of all values by name, as ``idm calibrate --json`` prints it."""
        curve = self.calibration.together
        return {
            "checkpoint": self.run.name,
            "num": self.calibration.num,
            "kappa": [math.exp(value) for value in curve.log_kappa],
            "error": list(curve.mean_squared_error),
            "standard_error": list(curve.standard_error),
        }


def calibrate_run(
    run: str | Path,
    data: str | Path | None = None,
    source: Mapping[str, Any] | None = None,
    *,
    num: int = NUM_SAMPLES,
    num_levels: int = NUM_LEVELS,
    batch_size: int = BATCH_SIZE,
    precision: str | None = None,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
) -> Calibrated:
    """Measure the error of the predicted x_0 over the noise level, and keep the curves beside the checkpoint.

    Args:
        run: a run folder or a checkpoint.
        data: a folder or file of other data; the run's own training samples where None.
        source: options that open other data where those of the run do not.
        num: how many samples, the first ones; 0: all.
        num_levels: noise levels, at the most.
        batch_size: samples per call of the network, at first; fewer where memory is short.
        precision: number format inside the network; as trained by default.
        device: where to measure; the best one found by default.
        trust_code: import and call what a custom source or network names; see ``load``.
        listener: hears how it gets on.

    Raises:
        DataError: no samples, or data that cannot be read or do not fit.
        SettingsError: numbers out of range, or more samples than memory holds.
        CheckpointError: no run there, or a damaged one, or a disk that refuses.
        NumericalError: what the network returns is not finite.
    """
    opened = load(run, device=device, trust_code=trust_code).using(precision=precision)
    chosen = open_data_to_score(opened, data, source)
    size, count = whole_number(batch_size, "batch_size"), whole_number(num, "num")
    found = measure_curves(opened, chosen, num=count, num_levels=num_levels, batch_size=size, listener=listener)
    return Calibrated(opened, found, opened.folder / FOLDER / f"{NAME}.safetensors")
