"""Drawing samples of a run into a folder, in parts that outlive an interruption and by several processes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import final

from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.core.ranks import joined_ranks
from idm.core.text import counted
from idm.report import columns_of
from idm.run import Run, best_device
from idm.run.drawing import Watch, require_memory, require_sampler
from idm.run.formats import writers_for
from idm.run.named_classifier import guided_by_names
from idm.run.other_conditions import labels_asked
from idm.run.saving import LARGEST_GRID, results_folder, sample_folder, save_samples
from idm.samplers import Sampler
from idm.storage.results import Results
from idm.tasks.drawn_parts import Order, sample_in_parts
from idm.tasks.made import Made
from idm.tasks.parts import remove_parts
from idm.tasks.requests import SampleRequest
from idm.tasks.together import Say, held_by_main, open_together, say_nothing, together
from idm.tasks.trajectory import Recorder

PARTS = ".parts-drawn"


@dataclass(frozen=True, eq=False)
class Drawn(Made):
    """Samples that were drawn into a folder.

    Attributes:
        sampler: what drew them.
    """

    sampler: Sampler


def sample_into(
    run_folder: str | Path,
    request: SampleRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Drawn | None:
    """Draw samples of a run: a picture of all, PNG files, exact values in samples.npz, an animation of the steps.

    Interrupted, it keeps the finished batches, and the same call goes on. Under torchrun processes share the work.

    Args:
        run_folder: a run folder or a checkpoint.
        request: what is wanted.
        out: the folder for the results, RUN/sampled by default; results of an earlier call in it are replaced.
        device: where to draw; the best one found by default.
        trust_code: import and call what a custom network names; see ``load``.
        listener: hears how it gets on.
        say: told what is replaced, and which fits are of another checkpoint.

    Returns:
        What was drawn, on the main process; None on the others.

    Raises:
        SettingsError: a line per wrong value, or other files in the folder.
        CheckpointError: no run there, or a damaged one, or a folder that cannot be written to.
        InterruptedRunError: stopped on request; the batches that are done are kept.
        NumericalError: samples are not finite.
    """
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            opened = open_together(run_folder, request, ranks, device, listener, say, trust_code=trust_code)
            plan = _plan(opened, request, out, listener)
            results = held_by_main(ranks, stack, plan.folder_for_results(), say)
            x = sample_in_parts(plan.run, plan.order, plan.parts, watch=plan.watch, ranks=ranks, listener=listener)
        return None if x is None or results is None else plan.put(results, x)


@final
@dataclass(frozen=True, eq=False)
class _Plan:
    """A request that was found to suit its run.

    Attributes:
        run: the run.
        order: what is drawn.
        folder: where results go.
        recorder: keeps moments of the first samples for an animation; None where none is wanted.
        formats: names of formats of files, as of ``Run.save``.
    """

    run: Run
    order: Order
    folder: Path
    recorder: Recorder | None
    formats: Sequence[str] | None = None

    @property
    def parts(self) -> Path:
        """Where the parts lie meanwhile."""
        return self.folder / PARTS

    @property
    def watch(self) -> Watch | None:
        """What is shown the first batch."""
        return None if self.recorder is None else self.recorder.watch

    def folder_for_results(self) -> AbstractContextManager[Results]:
        """Hold the folder."""
        shown = self.recorder is not None
        return sample_folder(self.folder, self.run, self.order.num, trajectory=shown, formats=self.formats)

    def put(self, results: Results, x: Tensor) -> Drawn:
        """Put samples in the place of earlier results."""
        what = f"{counted(self.order.num, 'sample')} from {self.run.name}, seed {self.order.seed}"
        written = results.put(what, lambda new: self._write(new, x))
        remove_parts(self.parts)
        return Drawn(self.run, x, written, self.order.sampler)

    def _write(self, new: Path, x: Tensor) -> dict[str, Path]:
        """Write the samples, and their way out of noise."""
        order = self.order
        written = save_samples(
            new,
            self.run,
            x,
            columns=columns_of(min(order.num, LARGEST_GRID), order.num_classes(self.run)),
            labels=order.labels(self.run),
            seeds=range(order.seed, order.seed + order.num),
            formats=self.formats,
        )
        return written if self.recorder is None else written | self.recorder.save(new)


def _plan(opened: Run, request: SampleRequest, out: str | Path | None, listener: Listener) -> _Plan:
    """Check a request; all that is wrong with it is told at once."""
    run = guided_by_names(opened.using(compile=request.compile), {"guidance": request.guidance, **request.guide})
    folder, _, sampler, classes, _ = together(
        lambda: results_folder(out, run, "sampled"),
        lambda: require_memory(request.num, run.spec.shape),
        lambda: run.sampler(**request.sampler, listener=listener),
        lambda: labels_asked(
            run, run.label_kind, request.labels, request.condition, request.num, request.condition_source
        ),
        lambda: writers_for(run, request.formats),
    )
    require_sampler(run, sampler)
    is_shown = request.trajectory and len(run.spec.shape) > 1
    order = Order(request.num, sampler, classes, request.seed, request.batch_size)
    classes = order.num_classes(run)
    recorder = Recorder(sampler, run.spec, order.labels(run), request.num, classes) if is_shown else None
    return _Plan(run, order, folder, recorder, request.formats)
