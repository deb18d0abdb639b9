"""What a model in training looks like: a grid of samples at intervals."""

import time

import torch
from torch import Tensor

from idm.core.places import file_in
from idm.experiment import Run
from idm.report import columns_of, save_grid, save_scatter
from idm.training.memory import in_smaller_pieces

NUM_IMAGES, NUM_POINTS = 64, 1_000

LONGEST_SECONDS = 60.0
"""After which no further batch of samples is drawn: a grid of slow samples has fewer rows."""


def preview(step: int, run: Run) -> None:
    """Draw samples, every class in turn, and write them to RUN/samples/step-000500.png.

    Raises:
        ProcessError: memory is short even for single samples.
        NumericalError: samples are not finite.
    """
    path = file_in(run.path, "samples", f"step-{step:06d}.png")
    if len(run.spec.shape) == 1:
        save_scatter(path, _drawn(run, NUM_POINTS), run.spec.codec)
        return
    columns = columns_of(NUM_IMAGES, run.spec.num_classes or 1) or 8
    x = _drawn(run, NUM_IMAGES // columns * columns)
    columns = min(columns, len(x))
    save_grid(path, x[: len(x) // columns * columns], run.spec.codec, columns)


def _drawn(run: Run, num: int) -> Tensor:
    """Draw samples, as many at a time as memory has room for, until they are enough or it took long enough."""
    end = time.monotonic() + LONGEST_SECONDS

    def draw(size: int) -> Tensor:
        batches: list[Tensor] = []
        for start in range(0, num, size):
            if batches and time.monotonic() > end:
                break
            batches.append(_batch(run, range(start, min(start + size, num))))
        return torch.cat(batches)

    return in_smaller_pieces(min(num, run.batch_size), draw)


def _batch(run: Run, numbers: range) -> Tensor:
    """Draw the samples of those numbers, which are their seeds and, in turn, their classes."""
    classes = run.spec.num_classes
    labels = None if classes is None else [number % classes for number in numbers]
    return run.sample(len(numbers), labels=labels, seed=numbers)
