"""Measuring how far a trained network is from x_0 at every noise level, once training is over."""

import math

from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener, warn
from idm.core.rng import derive_seed
from idm.core.text import counted
from idm.data import Dataset
from idm.likelihood import Calibration, estimate_error_curves
from idm.likelihood.curves import NUM_SHARES
from idm.run.curves import most_levels
from idm.run.data import Data
from idm.run.drawing import require_memory
from idm.run.opened import Opened
from idm.training.memory import in_smaller_pieces

FEW_SAMPLES = 100
"""Fewest samples whose curves are not called out as rough."""


def measure_curves(
    run: Opened,
    data: Data,
    *,
    num: int,
    num_levels: int,
    batch_size: int,
    listener: Listener = SILENT,
) -> Calibration:
    """Measure the error curves of a run, and keep them beside its checkpoint; see ``Run.calibrate`` for all else.

    Args:
        run: the trained model.
        data: its own data, whose training samples are used, or others, from ``open_data_to_score``.
        num: how many samples, the first ones; 0: all.
        num_levels: levels of the curves, at the most.
        batch_size: samples per call of the network, at first.
        listener: hears how it gets on.
    """
    if not run.sha256:
        raise SettingsError(f"run {run.folder}: a run with a checkpoint wanted to calibrate; load one")
    _refuse_unreadable(run, num_levels)
    x, y = _samples(run, data, num)
    denoise = run.scoring_denoiser(y)
    seed = derive_seed(run.experiment.seed, "calibration") >> 16  # sample i has seed + i, which stays within 64 bits

    def estimate(size: int) -> Calibration:
        x_start, process = x.to(run.device), run.diffusion
        return estimate_error_curves(
            process, denoise, x_start, num_levels=num_levels, seed=seed, batch_size=size, listener=listener
        )

    found = in_smaller_pieces(batch_size, estimate)
    _warn_of_few(found.num)
    run.curves.write(found, data.spec.fingerprint)
    return found


def _warn_of_few(num: int) -> None:
    """Say how far curves that were measured on few samples are off."""
    if num < FEW_SAMPLES:
        # The mean of n squares of a Gaussian is off by sqrt(2 / n) of itself.
        off = math.sqrt(2.0 * NUM_SHARES / max(num, NUM_SHARES))
        warn(
            f"error curves: measured on {counted(num, 'sample')} alone, so those of single values are off by "
            f"about {off:.0%}, and analytic variances with them; {FEW_SAMPLES} samples or more are better"
        )


def _refuse_unreadable(run: Opened, num_levels: int) -> None:
    """Refuse more levels than curves are read again of, by a ``SettingsError``."""
    levels, most = min(whole_number(num_levels, "num_levels"), run.diffusion.num_timesteps), most_levels(run.spec.shape)
    if levels > most:
        way = f"take num_levels={most}" if most else "measure a run of smaller samples"
        raise SettingsError(
            f"num_levels: at most {most:,} wanted, as curves of more levels are too large a file for samples of "
            f"{' x '.join(map(str, run.spec.shape))}, got {num_levels:,}; {way}"
        )


def _samples(run: Opened, data: Data, num: int) -> tuple[Tensor, Tensor | None]:
    """Return the first training samples, or the first of other data.

    Raises:
        DataError: there are none.
        SettingsError: they are more than memory holds.
    """
    chosen = chosen_samples(data)
    count = min(num or len(chosen), len(chosen))
    require_memory(count, run.spec.shape, f"num={num}")
    return chosen.first(count)


def chosen_samples(data: Data) -> Dataset:
    """Return the training samples, or those of other data.

    Raises:
        DataError: there are none.
    """
    chosen = data.train if len(data.train) else data.held_out
    if len(chosen) == 0:
        raise DataError("data: samples to calibrate on wanted, got none; name others with data=PATH")
    return chosen
