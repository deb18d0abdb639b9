"""How fast a trained run samples and trains on this machine, what memory that takes, and how large batches can be."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.bench.batches import BatchSpeed, by_batch, enough_memory
from idm.bench.harness import Clock, Contestant
from idm.bench.memory import step_memory
from idm.bench.own_step import own_step
from idm.bench.random_data import RandomData
from idm.core.memory import machine_memory
from idm.core.progress import SILENT, Listener
from idm.data import Dataset
from idm.run import Run
from idm.samplers import Sampler

LARGEST_TRIED = 1024
"""Samples of the largest batch that is tried."""

LARGEST_TOLD = 1_000_000
"""Samples of the largest batch that is told of: nobody needs a larger one."""

FEW_STEPS = 2
"""Steps of a chain that are timed; calls of the network take equally long."""

SMALL_BATCHES = (2, 4)
"""Batches whose memory is measured; that of others follows, as each sample takes the same."""


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
        largest_batch: about the largest batch of a training step that memory has room for; None where the system does
            not tell how much there is.
    """

    sampling: tuple[BatchSpeed, ...]
    training: tuple[BatchSpeed, ...]
    steps: int
    batch_size: int
    memory_bytes: int
    largest_batch: int | None

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)


def measure_run(
    run: Run, *, largest: int | None = None, clock: Clock | None = None, listener: Listener = SILENT
) -> RunSpeed:
    """Time sampling and training of a run at batches that double, as long as there is memory and patience for them.

    Args:
        run: the run; its weights are not changed.
        largest: the largest batch that is tried, ``LARGEST_TRIED`` by default.
        clock: where times are read; the machine's by default.
        listener: hears how it gets on.

    Raises:
        ProcessError: memory is short even for single samples.
    """
    clock, steps = clock or Clock(), run.sampler().diffusion.num_timesteps
    own = run.sampler_settings({})
    short = run.sampler(name=own.name, spacing=own.spacing, steps=min(FEW_STEPS, run.diffusion.num_timesteps))
    train = _trainer(run)
    sizes = [1 << i for i in range((largest or LARGEST_TRIED).bit_length())]
    with listener.follow("measuring", 2 * len(sizes) + 1, unit="sizes") as bar:
        with enough_memory("a few samples"):
            few, many = (step_memory(partial(train, size), run.device) for size in SMALL_BATCHES)
        bar.advance()
        share = short.num_calls / run.sampler().num_calls
        sampling = by_batch(sizes, partial(_draw, run, short), clock, bar.advance, share=share)
        bar.advance(len(sizes) - len(sampling))
        training = by_batch(sizes, train, clock, bar.advance)
        bar.advance(len(sizes) - len(training))
    each = max((many - few) / (SMALL_BATCHES[1] - SMALL_BATCHES[0]), 1.0)
    base, batch = few - each * SMALL_BATCHES[0], run.experiment.training.batch_size
    memory = _memory_of(run.device)
    room = None if memory is None else min(LARGEST_TOLD, max(1, int((memory - base) / each)))
    return RunSpeed(sampling, training, steps, batch, round(base + each * batch), room)


def _draw(run: Run, sampler: Sampler, size: int) -> Contestant:
    noise = sampler.initial_noise((size, *run.spec.shape), device=run.device)
    denoise = sampler.clipped(run.denoiser(sampler.diffusion, _given(run, size)))
    return lambda: sampler.draw(denoise, noise)


def _trainer(run: Run) -> Callable[[int], Contestant]:
    """Return what builds a step of training on a given number of samples."""
    source = RandomData.like(run.spec)
    dataset = Dataset(source, run.spec.codec, np.arange(len(source)), labels=_labels(run, len(source)))

    def train(size: int) -> Contestant:
        settings = replace(run.experiment.training, batch_size=size, micro_batch_size=0)
        network = copy.deepcopy(run.network).train().requires_grad_(True)
        return own_step(network, run.diffusion, settings, dataset, run.device, run.spec.label_kind.given)

    return train


def _labels(run: Run, count: int) -> NDArray[Any] | None:
    """Return labels of samples as the network is told them; None where it is told none."""
    told = run.spec.label_kind.told_in(_given(run, count))
    return None if told is None else told.cpu().numpy()


def _given(run: Run, count: int) -> dict[str, Tensor]:
    """Return what the network is told of so many samples, whatever it is."""
    return run.label_kwargs(run.spec.label_kind.every() or None, count)


def _memory_of(device: torch.device) -> int | None:
    """Return the bytes of memory of a device; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return machine_memory()
