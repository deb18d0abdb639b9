"""Walks of a trained network in many steps, from which levels are planned and solvers are fitted."""

import math
from dataclasses import dataclass

import numpy as np

from idm.core.counts import whole_number
from idm.core.errors import DataError, SettingsError
from idm.core.memory import machine_memory
from idm.core.progress import SILENT, Listener
from idm.core.rng import derive_seed
from idm.diffusion import ModelKwargs
from idm.run.drawing import BYTES_PER_VALUE
from idm.run.opened import Opened
from idm.run.own_data import open_run_data
from idm.samplers import SamplerMultistep, Trajectories, record
from idm.schedules import regrid
from idm.training.memory import in_smaller_pieces

NUM_WALKS, FINE_LEVELS = 192, 64
"""Walks and their levels; at 64 levels UniPC is off by 0.002 on the digits, a twentieth of what a fit of 4 is."""

FEWEST_WALKS, LARGEST_BYTES = 6, 2**30
"""Fewest walks, and most bytes that more of them may take."""


@dataclass(frozen=True, eq=False)
class Walks:
    """Fine walks, and the conditioning of each.

    Attributes:
        recorded: their states.
        conditioning: what the network was shown beside them.
    """

    recorded: Trajectories
    conditioning: ModelKwargs


def record_walks(
    run: Opened, *, guidance: float = 1.0, batch_size: int | None = None, listener: Listener = SILENT
) -> Walks:
    """Walk the probability flow of a run from noise to data, and keep every state in memory.

    There are 192 walks of 64 levels, fewer of samples of more than 10,000 values: as many as a gigabyte holds.

    Args:
        run: the trained model.
        guidance: scale of classifier-free guidance.
        batch_size: samples per call of the network, at first; fewer where memory is short.
        listener: hears how it gets on.

    Raises:
        SettingsError: guidance that the network was not trained for, or samples of which memory holds no six walks.
        NumericalError: what the network returns is not finite.
        ProcessError: memory is short even for single samples.
    """
    process = run.diffusion.on(regrid(run.diffusion.grid, num_levels(run), "log_snr"))
    num = _number_of_walks(run, process.num_timesteps)
    sampler = SamplerMultistep(process, clip_denoised=run.spec.codec.bounded)
    given = conditioning_of_training(run, num)
    denoise = run.denoiser(process, given, guidance=guidance)
    first = derive_seed(run.experiment.seed, "walks") >> 16  # walk i has seed first + i, which stays within 64 bits
    noise = sampler.initial_noise((num, *run.spec.shape), seed=range(first, first + num), device=run.device)
    recorded = in_smaller_pieces(
        batch_size or run.batch_size,
        lambda size: record(sampler, denoise, noise, batch_size=size, listener=listener),
    )
    return Walks(recorded, given)


def num_levels(run: Opened) -> int:
    """Return how many levels the walks of a run have: 64, or the only one of a chain of a single step."""
    return FINE_LEVELS if run.diffusion.num_timesteps > 1 else 1


def require_levels(run: Opened, count: int, option: str, most: int = FINE_LEVELS) -> None:
    """Refuse to choose more of the levels of walks than there are, before any is recorded.

    Args:
        run: the trained model.
        count: how many.
        option: what to call them in messages.
        most: how many, at the most.

    Raises:
        SettingsError: others.
    """
    most = min(most, num_levels(run))
    if not 1 <= whole_number(count, option) <= most:
        raise SettingsError(f"{option}: a number from 1 to {most} wanted, got {count}")


def conditioning_of_training(run: Opened, num: int) -> ModelKwargs:
    """Return the labels of training samples, evenly spread over all; every class in turn where the data are away."""
    if not run.spec.label_kind.is_told:
        return {}
    try:
        data = open_run_data(run).train
        labels = data.batch(np.arange(num) * len(data) // num)[1] if len(data) else None
    except DataError:
        labels = None
    if labels is None:
        return run.label_kwargs(None, num)
    return run.spec.label_kind.given(labels.to(run.device))


def _number_of_walks(run: Opened, levels: int) -> int:
    """Return how many walks are kept.

    Raises:
        SettingsError: memory does not hold enough of them.
    """
    of_one = 2 * (levels + 1) * BYTES_PER_VALUE * math.prod(run.spec.shape)
    num = max(FEWEST_WALKS, min(NUM_WALKS, LARGEST_BYTES // of_one))
    memory = machine_memory()
    if memory is not None and num * of_one > memory // 2:
        raise SettingsError(
            f"samples: of a size that {num} walks of {levels} levels fit into half of this machine's memory wanted, "
            f"got {' x '.join(map(str, run.spec.shape))}, which needs {num * of_one / 2**30:.0f} GiB; "
            "use a machine with more memory"
        )
    return num
