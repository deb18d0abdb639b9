"""Opening runs and scoring by several processes, and in parts that outlive an interruption."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.diffusion import GaussianDiffusion
from idm.likelihood import VLB
from idm.run import Data, HeldOutBound, Opened, Run, load
from idm.run.scoring import bound_of_samples, chain_to_score, summary
from idm.run.variance import told
from idm.storage import open_checkpoint
from idm.tasks.part_files import Part, Shapes
from idm.tasks.parts import Job, told_in_parts
from idm.tasks.requests import ScoreRequest

BOUND_IMAGES = 16
"""Images in a part of a bound, at least: each of them is as many (image, step) pairs as the chain has steps."""


def load_together(path: str | Path, ranks: Ranks, *, device: str | None = None, trust_code: bool = False) -> Run:
    """Open on every process the checkpoint that the main one finds to be the newest; see ``load``."""
    chosen = path if ranks.size == 1 else ranks.on_main(lambda: open_checkpoint(path).path)
    return load(chosen, device=device, trust_code=trust_code)


def share_plan(plan: str | None, make: Callable[[], object], ranks: Ranks) -> None:
    """Let the main process make what needs a plan of levels, if one is asked for; it is kept, and the others read it.

    Raises:
        SettingsError, CheckpointError: as of ``Opened.sampler``.
    """

    def made() -> None:
        make()  # the processes share what is kept, not what is returned

    if ranks.size > 1 and plan is not None:
        ranks.on_main(made)


def bound_in_parts(
    run: Opened,
    data: Data,
    folder: str | Path,
    wanted: ScoreRequest,
    *,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> HeldOutBound | None:
    """Evaluate what ``held_out_bound`` does, some images at a time, each by one of the processes.

    Every image counts once. ``data`` are those that ``wanted`` asks for; other arguments as in ``sample_in_parts``.

    Returns:
        The bound on the main process, None on the others.

    Raises:
        InterruptedRunError: stopped on request; the images that are done are kept.
    """
    chain, count = chain_to_score(run, data, steps=wanted.steps, plan=wanted.plan, num=wanted.num, listener=listener)
    found = vlb_in_parts(run, data, chain, count, folder, wanted, ranks=ranks, listener=listener)
    return None if found is None else summary(run, data, chain, found, batch_size=wanted.batch_size)


def vlb_in_parts(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    count: int,
    folder: str | Path,
    wanted: ScoreRequest,
    *,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> VLB | None:
    """Evaluate the terms of the bound of the first ``count`` samples alone, on a chain from ``chain_to_score``.

    Arguments, and all else that is not said here, as of ``bound_in_parts``.
    """
    ranks, wanted_size = ranks or Ranks(), wanted.batch_size
    job = job_of_bound(run, data, chain, count, folder, wanted)
    calls = chain.num_timesteps * -(-job.size // min(job.size, wanted_size))

    def compute(part: range, within: Listener) -> Part:
        how: dict[str, Any] = {"seed": wanted.seed, "batch_size": wanted_size, "listener": within}
        return columns_of(bound_of_samples(run, data, chain, part, **how))

    found = told_in_parts(job, calls, compute, ranks, listener)
    return None if found is None else VLB(**found)


def job_of_bound(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    count: int,
    folder: str | Path,
    wanted: ScoreRequest,
    further: Shapes | None = None,
) -> Job:
    """Return the job of a bound, whose parts hold the columns of a ``VLB`` and ``further`` ones; else as there."""
    size = max(BOUND_IMAGES, -(-wanted.batch_size // chain.num_timesteps))  # whatever the number of processes is
    by_step = dict.fromkeys(("vb", "xstart_mse", "mse"), (chain.num_timesteps,))
    request, more = request_of_bound(run, data, chain, wanted.seed), further or {}
    request |= {"further": sorted(more)} if more else {}
    return Job("bound", Path(folder), request, count, size, {"total_bpd": (), "prior_bpd": (), **by_step, **more})


def columns_of(vlb: VLB) -> Part:
    """Return the tensors of a bound by their names."""
    return {field.name: getattr(vlb, field.name) for field in dataclasses.fields(vlb)}


def request_of_bound(run: Opened, data: Data, chain: GaussianDiffusion, seed: int) -> dict[str, Any]:
    """Return what tells bounds of one chain, of some data, from others."""
    given = {"timesteps": chain.grid.levels.time.tolist(), "seed": seed, "data": data.spec.to_plain()}
    return request_of(run) | given


def request_of(run: Opened) -> dict[str, Any]:
    """Return what tells the results of one model from those of another."""
    precision = run.precision or run.experiment.training.precision
    numbers = told(run.diffusion.variance)
    variance = {"variance": run.variance, **numbers} if numbers else {}
    return {"checkpoint": run.sha256, "precision": precision, **variance}
