"""Sampling and scoring by several processes, and in parts that outlive an interruption."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from idm.core.progress import Progress
from idm.core.progress import progress as show_progress
from idm.core.ranks import Ranks
from idm.likelihood import VLB
from idm.run import Data, HeldOutBound, Run, load
from idm.run.evaluate import bound_of_samples, chain_to_score, summary
from idm.run.labels import Labels, class_numbers
from idm.run.run import Watch
from idm.samplers import Sampler, SampleStep
from idm.storage import open_checkpoint
from idm.tasks.part_files import Part
from idm.tasks.parts import Job

BOUND_IMAGES = 16
"""Images in a part of a bound, at least: each of them is as many (image, step) pairs as the chain has steps."""


def load_together(path: str | Path, ranks: Ranks, *, device: str | None = None, trust_code: bool = False) -> Run:
    """Open on every process the checkpoint that the main one finds to be the newest; see ``load``."""
    chosen = path if ranks.size == 1 else ranks.on_main(lambda: open_checkpoint(path).path)
    return load(chosen, device=device, trust_code=trust_code)


def sample_in_parts(
    run: Run,
    num: int,
    folder: str | Path,
    *,
    labels: Labels | None = None,
    seed: int = 0,
    guidance: float = 1.0,
    sampler: Sampler | None = None,
    batch_size: int = 256,
    watch: Watch | None = None,
    ranks: Ranks | None = None,
    progress: bool = False,
) -> Tensor | None:
    """Draw what ``run.sample`` draws, a batch at a time, each by one of the processes.

    Args:
        run: the trained model.
        num: how many.
        folder: where batches lie until all are drawn, if there are several; the caller removes it after use.
        labels: classes by name or number, repeated in turn; every class in turn if None.
        seed: sample i is drawn from seed + i.
        guidance: scale of classifier-free guidance.
        sampler: a sampler from ``run.sampler``; the run's own by default.
        batch_size: samples per call of the network.
        watch: shown the first batch, which is drawn again for it where it was drawn before.
        ranks: the processes; one by default.
        progress: show progress.

    Returns:
        Samples [num, c, *space] on the CPU on the main process, None on the others.

    Raises:
        InterruptedRunError: stopped on request; the batches that are done are kept.
    """
    ranks, sampler = ranks or Ranks(), sampler or run.sampler()
    asked = class_numbers(labels, run.spec.class_names)
    classes = asked if asked is not None or run.spec.num_classes is None else range(run.spec.num_classes)
    request = _request(run) | {
        "sampler": _words_of(sampler),
        "labels": None if classes is None else list(classes),
        "seed": seed,
        "guidance": guidance,
    }
    shapes = {"samples": run.spec.shape}
    job = Job("sampling", Path(folder), request, num, batch_size, shapes, first_anew=watch is not None)
    steps = sampler.diffusion.num_timesteps
    mine, done = job.progress_of(ranks)
    several = len(job.parts) > 1
    most, kept = (min(count * batch_size, num) for count in (mine, done))
    with show_progress(
        "sampling", most, unit="samples", done=kept, parts=steps, enabled=progress and ranks.is_main
    ) as bar:

        def compute(part: range, look: Callable[[], None]) -> Part:
            def seen(state: SampleStep) -> None:
                look()
                if state.pred_xstart is not None:
                    bar.advance(len(part))
                if watch is not None and part.start == 0:
                    watch(state)

            count = batch_size if run.compile and several else len(part)  # a smaller batch would be translated anew
            turn = None if classes is None else [classes[i % len(classes)] for i in range(part.start, part.stop)]
            drawn = run.sample(
                count,
                labels=turn,
                seed=range(seed + part.start, seed + part.start + count),
                guidance=guidance,
                sampler=sampler,
                batch_size=batch_size,
                watch=seen,
            )
            return {"samples": drawn[: len(part)]}

        found = job.run(compute, ranks)
    return None if found is None else found["samples"]


def bound_in_parts(
    run: Run,
    data: Data,
    folder: str | Path,
    *,
    steps: int = 0,
    num: int = 0,
    seed: int = 0,
    batch_size: int = 512,
    ranks: Ranks | None = None,
    progress: bool = False,
) -> HeldOutBound | None:
    """Evaluate what ``held_out_bound`` does, some images at a time, each by one of the processes.

    Every image counts once. Arguments as in ``held_out_bound`` and ``sample_in_parts``.

    Returns:
        The bound on the main process, None on the others.

    Raises:
        InterruptedRunError: stopped on request; the images that are done are kept.
    """
    ranks = ranks or Ranks()
    chain, count = chain_to_score(run, data, steps=steps, num=num)
    request = _request(run) | {
        "timesteps": chain.schedule.timesteps.tolist(),
        "seed": seed,
        "data": data.spec.to_plain(),
    }
    size = max(BOUND_IMAGES, -(-batch_size // chain.num_timesteps))  # whatever the number of processes is
    by_step = dict.fromkeys(("vb", "xstart_mse", "mse"), (chain.num_timesteps,))
    job = Job("bound", Path(folder), request, count, size, {"total_bpd": (), "prior_bpd": (), **by_step})
    mine, done = job.progress_of(ranks)
    calls = chain.num_timesteps * -(-job.size // min(job.size, batch_size))
    with show_progress("bound", mine * calls, done=done * calls, enabled=progress and ranks.is_main) as bar:

        def compute(part: range, look: Callable[[], None]) -> Part:
            watched = _Watched(bar, look)
            found = bound_of_samples(run, data, chain, part, seed=seed, batch_size=batch_size, progress=watched)
            return {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}

        found = job.run(compute, ranks)
    return None if found is None else summary(run, data, chain, VLB(**found))


@dataclass(frozen=True, eq=False)
class _Watched:
    """Progress that looks whether to stop."""

    bar: Progress
    look: Callable[[], None]

    def advance(self, units: int = 1, status: str = "") -> None:
        """Count, and look."""
        self.bar.advance(units, status)
        self.look()


def _request(run: Run) -> dict[str, Any]:
    """Return what tells the results of one model from those of another."""
    precision = run.precision or run.experiment.training.precision
    return {"checkpoint": run.sha256, "precision": precision}


def _words_of(sampler: Sampler) -> dict[str, Any]:
    """Return what tells one sampler from another."""
    options = {
        field.name: repr(getattr(sampler, field.name))
        for field in dataclasses.fields(sampler)
        if field.name != "diffusion"
    }
    timesteps = sampler.diffusion.schedule.timesteps.tolist()
    return {"name": type(sampler).__name__, "options": options, "timesteps": timesteps}
