"""What a model in training looks like: a grid of samples at intervals."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from idm.core.places import file_in
from idm.report import columns_of, save_picture
from idm.run import Run, draw
from idm.run.label_kind import Label
from idm.run.saving import picture_of, sample_picture
from idm.training.memory import in_smaller_pieces

NUM_IMAGES = 64
"""Most samples of a grid."""

MOST_CONDITIONS = 8
"""Conditions that samples are drawn for in turn, so that each has a column of them below it."""

LONGEST_SECONDS = 60.0
"""About as long as a grid may take: one of slow samples has fewer rows, at least one."""


def preview(step: int, run: Run) -> Path:
    """Draw samples, every class in turn, and write them to RUN/samples/step-000500.png.

    Raises:
        ProcessError: memory is short even for single samples.
        NumericalError: samples are not finite.
    """
    path = file_in(run.folder, "samples", f"step-{step:06d}.png")
    picture = sample_picture(run.spec)
    num = min(picture.most, NUM_IMAGES) if picture.has_columns else picture.most
    every, kind = _labels(run, few=picture.has_columns), run.spec.label_kind
    columns = columns_of(
        num, kind.columns(every if kind.are_fields and picture.has_columns else None)
    ) or picture.columns(num)
    row = columns if picture.has_columns else num
    x = _drawn(run, every, max(1, num // row) * row, row)
    return save_picture(path, picture_of(x, run.spec, columns, _in_turn(every, range(len(x)))))


def _drawn(run: Run, every: Sequence[Label] | None, num: int, row: int) -> Tensor:
    """Draw a row of samples, and as many more rows as there is time for, at most ``num`` samples in all."""

    def draw(size: int) -> Tensor:
        start = time.monotonic()
        first = _samples(run, every, range(row), size)
        rows = int(LONGEST_SECONDS / max(time.monotonic() - start, 1e-3))
        more = range(row, min(num, row * rows))
        return torch.cat([first, _samples(run, every, more, size)]) if more else first

    return in_smaller_pieces(min(num, run.batch_size), draw)


def _samples(run: Run, every: Sequence[Label] | None, numbers: range, size: int) -> Tensor:
    """Draw the samples of those numbers, which are their seeds and, in turn, their labels."""
    return draw(run, len(numbers), labels=_in_turn(every, numbers), seed=numbers, batch_size=size)


def _labels(run: Run, *, few: bool) -> list[Label] | None:
    """Return the labels that samples have in turn, perhaps few conditions; None for a run without labels."""
    kind = run.spec.label_kind
    every = run.usual_labels(kind)
    return (every[:MOST_CONDITIONS] if few and kind.are_fields else every) or None


def _in_turn(every: Sequence[Label] | None, numbers: range) -> list[Label] | None:
    """Return the labels of the samples of those numbers."""
    return None if every is None else [every[number % len(every)] for number in numbers]
