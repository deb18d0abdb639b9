"""Estimates of bounds, some samples at a time, in parts that outlive an interruption and by several processes."""

from collections.abc import Callable
from pathlib import Path

from idm.core.progress import SILENT, Listener, Within
from idm.core.ranks import Ranks
from idm.diffusion import GaussianDiffusion
from idm.likelihood import SampledBound
from idm.run import Data, Opened
from idm.run.estimating import Terms, estimate_of
from idm.tasks.long_jobs import BOUND_IMAGES, Watched, request_of
from idm.tasks.part_files import Part
from idm.tasks.parts import Job

COLUMNS = ("bits_per_dim", "variance", "prior", "decoder")


def estimate_in_parts(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    count: int,
    terms: Terms,
    folder: str | Path,
    *,
    seed: int = 0,
    batch_size: int = 512,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> SampledBound | None:
    """Evaluate what ``estimate_of`` does for the first ``count`` samples.

    Other arguments, and all else that is not said here, as of ``bound_in_parts``.
    """
    ranks = ranks or Ranks()
    given = {"timesteps": chain.grid.levels.time.tolist(), "seed": seed, "data": data.spec.to_plain()}
    request = request_of(run) | given | {"calls": terms.calls}
    size = max(BOUND_IMAGES, -(-batch_size // terms.calls))  # whatever the number of processes is
    job = Job("bound", Path(folder), request, count, size, dict.fromkeys(COLUMNS, ()))
    mine, done = job.progress_of(ranks)
    per_part = terms.calls * -(-job.size // min(job.size, batch_size))
    listener = listener if ranks.is_main else SILENT
    with listener.follow("bound", mine * per_part, unit="terms", done=done * per_part) as bar:

        def compute(part: range, look: Callable[[], None]) -> Part:
            within = Within(Watched(bar, look))
            found = estimate_of(run, data, chain, part, terms, seed=seed, batch_size=batch_size, listener=within)
            return {name: getattr(found, name) for name in COLUMNS}

        found = job.run(compute, ranks)
    return None if found is None else SampledBound(calls=terms.calls, **found)
