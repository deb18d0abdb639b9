"""Drawing samples: some at a time, each from a seed of its own."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from idm.core.counts import finite_number, holds_several, whole_number
from idm.core.errors import SettingsError
from idm.core.memory import machine_memory
from idm.core.progress import SILENT, Listener, Progress
from idm.core.tensors import require_finite
from idm.run.labels import Labels
from idm.run.opened import Opened
from idm.run.solver_fit import refuse_other_guidance
from idm.run.variance import require_use
from idm.samplers import Sampler, SampleStep, Seed
from idm.samplers.base import warn_of_unclipped

Watch = Callable[[SampleStep], None]

BYTES_PER_VALUE = 4
"""Samples are drawn in float32."""

SEVERAL_CALLS = "draw them in several calls, each with a seed of its own"
"""What to do where samples are too many for memory."""


def draw(
    run: Opened,
    num: int | None = None,
    *,
    labels: Labels | None = None,
    seed: Seed = 0,
    guidance: float = 1.0,
    sampler: Sampler | None = None,
    batch_size: int | None = None,
    watch: Watch | None = None,
    listener: Listener = SILENT,
) -> Tensor:
    """Draw samples in the model's range, [num, c, *space] on the CPU; arguments and errors as of ``Run.sample``."""
    if holds_several(labels):
        labels = cast(Labels, list(labels))  # they are read twice
    num = _how_many(_guided(run, guidance), num, labels)
    if num > 0:
        require_memory(num, run.spec.shape)
    how: dict[str, Any] = {"labels": labels, "seed": seed, "guidance": guidance, "sampler": sampler}
    batches = draw_batches(run, num, **how, batch_size=batch_size, watch=watch, listener=listener)
    return torch.cat([x for _, x in batches])


def draw_batches(
    run: Opened,
    num: int,
    *,
    labels: Labels | None = None,
    seed: Seed = 0,
    guidance: float = 1.0,
    sampler: Sampler | None = None,
    batch_size: int | None = None,
    watch: Watch | None = None,
    listener: Listener = SILENT,
) -> Iterator[tuple[range, Tensor]]:
    """Draw what ``draw`` does, and yield batches with the numbers of their samples: no more than one is held."""
    run = _guided(run, guidance)
    batch_size = run.batch_size if batch_size is None else whole_number(batch_size, "batch_size")
    if num < 1 or batch_size < 1:
        raise SettingsError(f"num and batch_size: at least 1 wanted, got {num} and {batch_size}")
    seeds = _seeds(seed, num)
    sampler = _usable(run, sampler)
    if run.compile and num > batch_size:  # a smaller last batch would be translated once more
        seeds = [*seeds, *[seeds[-1]] * (-num % batch_size)]
    denoise = run.guided_denoiser(sampler.diffusion, run.drawn_labels(labels, len(seeds)))
    steps = sampler.diffusion.num_timesteps
    with listener.follow("sampling", len(seeds), unit="samples", parts=steps) as bar:
        for rows in torch.arange(len(seeds)).split(batch_size):
            first, last = int(rows[0]), int(rows[-1]) + 1
            part, shown = seeds[first:last], watch if first == 0 else None
            noise = sampler.initial_noise((len(part), *run.spec.shape), seed=part, device=run.device)
            seen = _counting(bar, len(part), shown)
            if shown is not None:
                shown(SampleStep(noise))
            drawn = sampler.draw(sampler.clipped(denoise.select(rows)), noise, seed=part, watch=seen)
            yield range(first, min(last, num)), require_finite(drawn.cpu(), "samples")[: num - first]


def _guided(run: Opened, guidance: float) -> Opened:
    """Return the run, guided by a scale of classifier-free guidance where one is given.

    Raises:
        SettingsError: it is guided already, or was not trained for it.
    """
    if finite_number(guidance, "guidance") == 1.0:
        return run
    if run.guide.is_on:
        raise SettingsError(
            f"guidance: 1 wanted of a run that is guided already, got {guidance:g}; say all of it in run.guided(...)"
        )
    return run.guided(guidance)


def guided_samples(run: Opened, guidance: float, samples: int) -> Opened:
    """Return the run that draws the samples of an evaluation, whose bound is that of the network without guidance.

    Raises:
        SettingsError: guidance where no samples are drawn, or of a network that was not trained for it.
    """
    if guidance != 1.0 and not samples:
        raise SettingsError(
            f"guidance: samples=N wanted beside it, got {guidance:g} without: guidance is of samples alone, as what it "
            "draws from is no density that has a bound"
        )
    return _guided(run, guidance)


def _how_many(run: Opened, num: int | None, labels: Labels | None) -> int:
    """Return how many samples are wanted: one of each label by default.

    Raises:
        SettingsError: neither a number nor labels.
    """
    if num is None:
        if (chosen := run.label_kind.read(labels)) is None:
            raise SettingsError("num: how many samples wanted, or labels, for one sample of each, got neither")
        num = run.label_kind.one_of_each(chosen)
    return whole_number(num, "num")


def _usable(run: Opened, sampler: Sampler | None) -> Sampler:
    """Return the sampler, the run's own by default.

    Raises:
        SettingsError: no sampler, or one that has no use for the run's variance or was fitted to other guidance.
    """
    sampler = run.sampler() if sampler is None else sampler
    if not isinstance(sampler, Sampler):  # pyright: ignore[reportUnnecessaryIsInstance] (callers' types are not checked)
        raise SettingsError(f"sampler: one from run.sampler(...) wanted, got {type(sampler).__name__}")
    require_sampler(run, sampler)
    warn_of_unclipped(sampler)
    return sampler


def require_sampler(run: Opened, sampler: Sampler) -> None:
    """Refuse a sampler that has no use for the variance of a run, or was fitted under other guidance.

    Raises:
        SettingsError: as said.
    """
    require_use(run.variance, sampler)
    refuse_other_guidance(run.folder, sampler, run.guide)


def require_memory(num: int, shape: Sequence[int], option: str = "num", *, way: str = SEVERAL_CALLS) -> None:
    """Refuse more samples than the memory of this machine holds as they are drawn, before any is.

    Args:
        num: how many.
        shape: of one of them.
        option: what to call their number in messages.
        way: what to do in place of that.

    Raises:
        SettingsError: they are too many.
    """
    memory = machine_memory()
    if memory is None:
        return
    most = memory // (BYTES_PER_VALUE * math.prod(shape))
    if num > most:
        raise SettingsError(
            f"{option}: at most {most:,} samples of {' x '.join(map(str, shape))} wanted, which is what the memory of "
            f"this machine holds, got {num:,}; {way}"
        )


def _seeds(seed: Seed, num: int) -> Sequence[int]:
    """Return the seed of each of ``num`` samples.

    Raises:
        SettingsError: another number of seeds, or what is no seed.
    """
    if not holds_several(seed):
        first = whole_number(seed, "seed")
        return range(first, first + num)
    seeds = [whole_number(each, "seed") for each in seed]
    if len(seeds) != num:
        raise SettingsError(f"seed: one integer or {num} of them wanted, got {len(seeds)}")
    return seeds


def _counting(bar: Progress, count: int, watch: Watch | None) -> Watch:
    """Return what counts ``count`` advances at every state, and shows it to ``watch``."""

    def seen(state: SampleStep) -> None:
        if watch is not None:
            watch(state)
        bar.advance(count)

    return seen
