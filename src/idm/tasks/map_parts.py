"""Maps of the bound of held-out data, some samples at a time, and the file that they are written to."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.data.writers.npz import npz_bytes
from idm.diffusion import GaussianDiffusion
from idm.likelihood import VLB
from idm.run import Data, HeldOutBound, Opened
from idm.run.maps import mapped_samples, require_room_for_maps
from idm.run.scoring import summary
from idm.tasks.long_jobs import columns_of, job_of_bound
from idm.tasks.part_files import Part
from idm.tasks.parts import told_in_parts
from idm.tasks.requests import ScoreRequest
from idm.tasks.scores import INDEX, NAME

FILE, COLUMN = "maps.npz", "maps"


def mapped_in_parts(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    count: int,
    folder: str | Path,
    wanted: ScoreRequest,
    *,
    ranks: Ranks,
    listener: Listener = SILENT,
) -> HeldOutBound | None:
    """Evaluate the bound of the first ``count`` samples, value by value, on a chain from ``chain_to_score``.

    Arguments, and all else that is not said here, as of ``bound_in_parts``.

    Raises:
        SettingsError: maps of more samples than memory holds.
    """
    require_room_for_maps(run, count)
    shape = run.spec.restore(np.empty((0, *run.spec.shape))).shape[1:]
    job = job_of_bound(run, data, chain, count, folder, wanted, {COLUMN: shape})
    calls = chain.num_timesteps * -(-job.size // min(job.size, wanted.batch_size))

    def compute(part: range, within: Listener) -> Part:
        how: dict[str, Any] = {"seed": wanted.seed, "batch_size": wanted.batch_size, "listener": within}
        found = mapped_samples(run, data, chain, part, **how)
        return columns_of(found.vlb) | {COLUMN: torch.from_numpy(np.ascontiguousarray(found.maps))}

    found = told_in_parts(job, calls, compute, ranks, listener)
    if found is None:
        return None
    maps = found.pop(COLUMN).numpy()
    return replace(summary(run, data, chain, VLB(**found), batch_size=wanted.batch_size), maps=maps)


def write_maps(folder: Path, data: Data, maps: NDArray[np.float32]) -> Path:
    """Write the maps of the first held-out samples, with the numbers and names that these have in their source."""
    numbers, names = data.held_out.sources_of(np.arange(len(maps)))
    known = {INDEX: np.array(numbers)} | ({} if names is None else {NAME: np.array(names)})
    return write_atomically(folder / FILE, npz_bytes(bits_per_dim=maps, **known), durable=True)
