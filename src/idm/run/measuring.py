"""Measuring how far a trained network is from x_0 at every noise level, once training is over."""

from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.rng import derive_seed
from idm.likelihood import Calibration, estimate_error_curves
from idm.likelihood.curves import NUM_LEVELS
from idm.run.curves import most_levels
from idm.run.data import Data
from idm.run.drawing import require_memory
from idm.run.opened import Opened
from idm.training.memory import in_smaller_pieces

NUM_SAMPLES, BATCH_SIZE = 1024, 512


def measure_curves(
    run: Opened,
    data: Data,
    *,
    num: int = NUM_SAMPLES,
    num_levels: int = NUM_LEVELS,
    batch_size: int = BATCH_SIZE,
    listener: Listener = SILENT,
) -> Calibration:
    """Measure the error curves of a run, and keep them beside its checkpoint.

    Args:
        run: the trained model.
        data: its own data, whose training samples are used, or others, from ``open_data_to_score``.
        num: how many samples, the first ones; 0: all.
        num_levels: levels of the curves, at the most.
        batch_size: samples per call of the network, at first; fewer where memory is short.
        listener: hears how it gets on.

    Raises:
        DataError: no samples.
        SettingsError: no levels, or more than are read again of such samples; a batch size below 1, more samples than
            memory holds, or a model that no checkpoint holds.
        NumericalError: what the network returns is not finite.
        CheckpointError: the disk refuses.
        ProcessError: memory is short even for single samples.
    """
    if not run.sha256:
        raise SettingsError(f"run {run.folder}: a run with a checkpoint wanted to calibrate; load one")
    _refuse_unreadable(run, num_levels)
    x, y = _samples(run, data, num)
    conditioning = {} if y is None else {"y": y.to(run.device)}
    denoise = run.denoiser(run.diffusion, conditioning, clip=run.spec.codec.bounded)
    seed = derive_seed(run.experiment.seed, "calibration") >> 16  # sample i has seed + i, which stays within 64 bits

    def estimate(size: int) -> Calibration:
        x_start, process = x.to(run.device), run.diffusion
        return estimate_error_curves(
            process, denoise, x_start, num_levels=num_levels, seed=seed, batch_size=size, listener=listener
        )

    found = in_smaller_pieces(batch_size, estimate)
    run.curves.write(found, data.spec.fingerprint)
    return found


def _refuse_unreadable(run: Opened, num_levels: int) -> None:
    """Refuse more levels than curves are read again of.

    Raises:
        SettingsError: as said.
    """
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
    chosen = data.train if len(data.train) else data.held_out
    if len(chosen) == 0:
        raise DataError("data: samples to calibrate on wanted, got none; name others with data=PATH")
    count = min(num or len(chosen), len(chosen))
    require_memory(count, run.spec.shape, f"num={num}")
    return chosen.first(count)
