"""How fast a trained run samples and trains on this machine, what memory that takes, and how large batches can be."""

import copy
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from idm.bench.entrants.own_step import own_step
from idm.bench.harness import Clock, Contestant, undisturbed
from idm.bench.memory import step_memory
from idm.core.errors import ProcessError
from idm.core.progress import SILENT, Listener
from idm.data import Dataset, Indices, Samples, Source
from idm.run import DataSpec, Run
from idm.training.memory import is_out_of_memory

NUM_SAMPLES = 256
LARGEST = 1024
"""Larger batches are not tried."""

MOST = 1_000_000
"""Larger batches are not told of: nobody needs them."""

LONGEST_SECONDS = 10.0
"""After a batch that takes longer no larger one is tried."""

FEW_STEPS = 2
"""Steps of a chain that are timed; each takes as long as any other."""

SMALL_BATCHES = (2, 4)
"""Batches whose memory is measured; that of others follows, as each sample takes the same."""


@dataclass(frozen=True)
class BatchSpeed:
    """What a batch gives.

    Attributes:
        size: samples in it.
        samples_per_second: whole samples drawn, or samples trained on.
    """

    size: int
    samples_per_second: float


@dataclass(frozen=True)
class RunSpeed:
    """What a run costs on this machine.

    Attributes:
        sampling: of batches that double, whole samples by the run's own sampler.
        training: of batches that double, optimiser steps with the run's settings, at levels drawn uniformly, without
            dropout by seeds or of labels.
        steps: of the sampler.
        batch_size: of the run's training.
        memory_bytes: tensors of a training step of that batch, weights, averages and the optimiser's state included.
        largest_batch: about the largest batch of a training step that memory has room for.
    """

    sampling: tuple[BatchSpeed, ...]
    training: tuple[BatchSpeed, ...]
    steps: int
    batch_size: int
    memory_bytes: int
    largest_batch: int

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)


class RandomData(Source):
    """Values of the shape and type of a run's data, and classes if it has some, drawn from one seed."""

    def __init__(self, spec: DataSpec) -> None:
        """Draw them."""
        noise = torch.randn(NUM_SAMPLES, *spec.shape, generator=torch.Generator().manual_seed(0))
        self._values = spec.codec.decode(0.3 * noise)
        self.shape, self.dtype, self.levels = spec.shape, self._values.dtype, spec.codec.levels
        self.class_names, self.note = spec.class_names, "random values"
        self.labels = None if spec.num_classes is None else np.arange(NUM_SAMPLES) % spec.num_classes

    def __len__(self) -> int:
        """Return the number of samples."""
        return NUM_SAMPLES

    def read(self, indices: Indices) -> Samples:
        """Return samples [n, c, *space]."""
        return self._values[indices]


def measure_run(
    run: Run, *, largest: int | None = None, clock: Clock | None = None, listener: Listener = SILENT
) -> RunSpeed:
    """Time sampling and training of a run at batches that double, as long as there is memory and patience for them.

    Args:
        run: the run; its weights are not changed.
        largest: the largest batch that is tried, ``LARGEST`` by default.
        clock: where times are read; the machine's by default.
        listener: hears how it gets on.

    Raises:
        ProcessError: memory is short even for single samples.
    """
    clock, largest, steps = clock or Clock(), largest or LARGEST, run.sampler().diffusion.num_timesteps
    short = run.sampler(steps=min(FEW_STEPS, run.diffusion.num_timesteps))
    taken = short.diffusion.num_timesteps

    def draw(size: int) -> Contestant:
        noise = short.initial_noise((size, *run.spec.shape), device=run.device)
        denoise = short.clipped(run.denoiser(short.diffusion, run.label_kwargs(None, size)))
        return lambda: short.draw(denoise, noise)

    source = RandomData(run.spec)
    dataset = Dataset(source, run.spec.codec, np.arange(len(source)), labels=source.labels)

    def train(size: int) -> Contestant:
        settings = replace(run.experiment.training, batch_size=size, micro_batch_size=0)
        network = copy.deepcopy(run.network).train().requires_grad_(True)
        return own_step(network, run.diffusion, settings, dataset, run.device)

    sizes = [1 << i for i in range(largest.bit_length()) if 1 << i <= largest]
    with listener.follow("measuring", 2 * len(sizes) + 1, unit="sizes") as bar:
        few, many = (_memory_of_step(partial(train, size), run.device) for size in SMALL_BATCHES)
        bar.advance()
        sampling = _by_batch(sizes, draw, clock, bar.advance, share=taken / steps)
        bar.advance(len(sizes) - len(sampling))
        training = _by_batch(sizes, train, clock, bar.advance)
        bar.advance(len(sizes) - len(training))
    each = max((many - few) / (SMALL_BATCHES[1] - SMALL_BATCHES[0]), 1.0)
    base, batch = few - each * SMALL_BATCHES[0], run.experiment.training.batch_size
    room = min(MOST, max(1, int((_memory_of(run.device) - base) / each)))
    return RunSpeed(sampling, training, steps, batch, round(base + each * batch), room)


def _by_batch(
    sizes: list[int], make: Callable[[int], Contestant], clock: Clock, tick: Callable[[], None], *, share: float = 1.0
) -> tuple[BatchSpeed, ...]:
    """Time batches that grow; ``share`` is what the timed work is of the whole."""
    found: list[BatchSpeed] = []
    for size in sizes:
        if found and found[-1].size / found[-1].samples_per_second * share > LONGEST_SECONDS:
            break
        try:
            contestant = make(size)
            contestant()
            seconds, _ = undisturbed(contestant, clock)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if not found:
                raise ProcessError("memory: not enough even for single samples; choose a smaller network") from error
            break
        found.append(BatchSpeed(size, size * share / seconds))
        tick()
    return tuple(found)


def _memory_of_step(make: Callable[[], Contestant], device: torch.device) -> int:
    """Return the bytes of a training step.

    Raises:
        ProcessError: memory is short even for that.
    """
    try:
        return step_memory(make, device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise ProcessError("memory: not enough even for a few samples; choose a smaller network") from error


def _memory_of(device: torch.device) -> int:
    """Return the bytes of memory of a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
