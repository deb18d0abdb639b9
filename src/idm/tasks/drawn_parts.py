"""Samples drawn by several processes, and in parts that outlive an interruption."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from torch import Tensor

from idm.core.progress import SILENT, Listener, Progress
from idm.core.ranks import Ranks
from idm.run import Opened, draw
from idm.run.build import words_of
from idm.run.drawing import Watch
from idm.run.label_kind import Label, plain_labels
from idm.samplers import Sampler, SampleStep
from idm.tasks.long_jobs import request_of
from idm.tasks.part_files import Part, Shapes, Whole
from idm.tasks.parts import Job, Take


@dataclass(frozen=True, eq=False)
class Order:
    """Samples to be drawn.

    Attributes:
        num: how many.
        sampler: what draws them, from ``run.sampler``.
        classes: numbers of their classes, repeated in turn; every class in turn where None.
        seed: sample i is drawn from seed + i.
        batch_size: samples per call of the network.
    """

    num: int
    sampler: Sampler
    classes: Sequence[Label] | None = None
    seed: int = 0
    batch_size: int = 256

    def draw(self, run: Opened, part: range, watch: Watch, *, whole_batch: bool) -> Tensor:
        """Draw the samples of those numbers; in a whole batch where a smaller one would be translated anew."""
        count = self.batch_size if whole_batch else len(part)
        first = self.seed + part.start
        drawn = draw(
            run,
            count,
            labels=self.labels(run, range(part.start, part.start + count)),
            seed=range(first, first + count),
            sampler=self.sampler,
            batch_size=self.batch_size,
            watch=watch,
        )
        return drawn[: len(part)]

    def request(self, run: Opened) -> dict[str, Any]:
        """Return what tells the samples of this order from those of another."""
        told = self.every_class(run)
        given = {"labels": None if told is None else plain_labels(told), "seed": self.seed, **run.guide.to_plain()}
        return request_of(run) | {"sampler": words_of(self.sampler)} | given

    def every_class(self, run: Opened) -> list[Label] | None:
        """Return the labels in turn, all that there are where none were chosen; None where there are none."""
        if self.classes is not None:
            return list(self.classes)
        return run.usual_labels(run.label_kind) or None

    def labels(self, run: Opened, numbers: range | None = None) -> list[Label] | None:
        """Return the classes of the samples of those numbers, of all by default; None for a run without classes."""
        kind, asked = run.label_kind, range(self.num) if numbers is None else numbers
        return kind.in_turn(self.classes, lambda: run.usual_labels(kind), asked) if kind.is_told else None

    def num_classes(self, run: Opened) -> int:
        """Return how many classes the samples have in turn; 1 where they have none."""
        return run.label_kind.columns(self.classes)


def sample_in_parts(
    run: Opened,
    order: Order,
    folder: str | Path,
    *,
    watch: Watch | None = None,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> Tensor | None:
    """Draw what ``draw`` draws, a batch at a time, each by one of the processes.

    Args:
        run: the trained model.
        order: what is drawn.
        folder: where batches lie until all are drawn, if there are several; the caller removes it after use.
        watch: shown the first batch, which is drawn again for it where it was drawn before.
        ranks: the processes; one by default.
        listener: hears how it gets on.

    Returns:
        Samples [num, c, *space] on the CPU on the main process, None on the others.

    Raises:
        InterruptedRunError: stopped on request; the batches that are done are kept.
    """
    ranks, whole = ranks or Ranks(), Whole(order.num)
    as_they_are = Sight(lambda x, numbers: {"samples": x}, {"samples": run.spec.shape})
    draw_parts(run, order, folder, as_they_are, whole.add, watch=watch, ranks=ranks, listener=listener)
    return whole.rows["samples"] if ranks.is_main else None


@final
@dataclass(frozen=True, eq=False)
class Sight:
    """What is kept of drawn samples.

    Attributes:
        see: given samples in the model's range, and their numbers: tensors with a row for each.
        shapes: of a row of each tensor.
        words: JSON-able values that tell it from others.
    """

    see: Callable[[Tensor, range], Part]
    shapes: Shapes
    words: Mapping[str, Any] = field(default_factory=dict[str, Any])


def draw_parts(
    run: Opened,
    order: Order,
    folder: str | Path,
    sight: Sight,
    take: Take,
    *,
    watch: Watch | None = None,
    ranks: Ranks,
    listener: Listener = SILENT,
) -> None:
    """Draw a batch at a time, each by one of the processes, and let it go as soon as what is seen of it is kept.

    Args:
        run: as of ``sample_in_parts``, as what else is not said here.
        order: as there.
        folder: as there.
        sight: what is kept.
        take: takes it, on the main process, once all are drawn: the numbers of samples, in their order.
        watch: as there.
        ranks: as there.
        listener: as there.
    """
    num, size, request = order.num, order.batch_size, order.request(run) | dict(sight.words)
    job = Job("sampling", Path(folder), request, num, size, sight.shapes, first_anew=watch is not None)
    mine, done = job.progress_of(ranks)
    most, kept = (min(count * size, num) for count in (mine, done))
    listener = listener if ranks.is_main else SILENT
    steps = order.sampler.diffusion.num_timesteps
    with listener.follow("sampling", most, unit="samples", done=kept, parts=steps) as bar:

        def compute(part: range, look: Callable[[], None]) -> Part:
            seen = _look_and_count(look, bar, len(part), watch if part.start == 0 else None)
            x = order.draw(run, part, seen, whole_batch=run.compile and len(job.parts) > 1)
            return sight.see(x, part)

        job.run_into(take, compute, ranks)


def _look_and_count(look: Callable[[], None], bar: Progress, count: int, watch: Watch | None) -> Watch:
    """Return what looks at every step whether to stop, counts that of ``count`` samples, and shows it."""

    def seen(state: SampleStep) -> None:
        look()
        if state.pred_xstart is not None:  # else it is the noise, before the first step
            bar.advance(count)
        if watch is not None:
            watch(state)

    return seen
