"""Samples on their way from noise."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from idm.report import Block, Paragraph, Picture, SideBySide
from idm.report.point_paths import points_at
from idm.run import draw
from idm.samplers import SampleStep
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.subject import Subject

NUM_ROWS, NUM_POINTS, MOST_MOMENTS = 4, 500, 8
"""Samples that are followed, points that are, and moments."""


@final
class Trajectory(Section):
    """A row for each sample, a column for each moment; points in a small figure for each moment."""

    heading = "From noise to data"

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Follow some samples."""
        has_rows = subject.picture.has_columns
        last = subject.sampler.diffusion.num_timesteps
        count = min(MOST_MOMENTS, last + 1, subject.across if has_rows else MOST_MOMENTS)
        moments = sorted({round(i * last / max(count - 1, 1)) for i in range(count)})
        states = _follow(subject, NUM_ROWS if has_rows else NUM_POINTS, moments)
        names = [_name(subject, moment, last) for moment in moments]
        said = (
            f"{subject.sampler_in_words}, from noise at the left to the sample at the right; t is the time of the "
            "level that a state has."
        )
        if has_rows:
            x = torch.stack(states, dim=1).flatten(0, 1)
            picture = subject.picture.draw(x, columns=len(moments), names=names)
            return [Picture(picture, "Samples on their way from noise", said)]
        decoded = [subject.run.spec.codec.decode(state) for state in states]
        figures = points_at(list(zip(names, decoded, strict=True)))
        return [SideBySide([Picture(one, "Points on their way from noise") for one in figures], 11), Paragraph(said)]


def _follow(subject: Subject, num: int, moments: Sequence[int]) -> list[Tensor]:
    """Return samples at moments, x_T and x_0 included, by how many steps were taken."""
    kept, seen = list[Tensor](), 0

    def watch(state: SampleStep) -> None:
        nonlocal seen
        if seen in moments:
            kept.append(state.sample.cpu())
        seen += 1

    with subject.timed("samples on their way"):
        draw(
            subject.run,
            num,
            seed=subject.seed,
            sampler=subject.sampler,
            batch_size=num,
            watch=watch,
            listener=subject.listener,
        )
    return kept


def _name(subject: Subject, moment: int, last: int) -> str:
    times = subject.sampler.diffusion.grid.levels.time.tolist()
    return f"t = {times[last - 1 - moment]:.4g}" if moment < last else "done"
