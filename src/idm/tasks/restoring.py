"""Restoring samples from what was observed of them, into a folder, in parts that outlive an interruption."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.core.text import counted
from idm.report import png
from idm.report.ranks import rank_histograms
from idm.restoration import Coverage, Mask, Method, Operator, coverage_of
from idm.run import Run, load
from idm.run.edits import EditPlan, plan_edits
from idm.run.labels import class_numbers
from idm.run.method_settings import find_method, usual_method
from idm.run.observing import Observed, observe, read_observed
from idm.run.restored_files import OURS, names_of, save_restored
from idm.run.restoring import Draws, plan_draws, restoring_sampler
from idm.run.saving import results_folder
from idm.samplers import Sampler
from idm.storage.results import results_in
from idm.tasks.long_jobs import request_of
from idm.tasks.made import Made
from idm.tasks.part_files import Part
from idm.tasks.parts import Job, remove_parts
from idm.tasks.requests import EditRequest, RestoreRequest
from idm.tasks.together import Say, say_nothing, say_what_is_replaced, together

COVERAGE, HISTOGRAMS = "coverage.json", "coverage.png"
LEAST_DRAWS = 19
"""For regions of 90 %."""

PARTS = ".parts-restored"
"""Where the parts lie meanwhile."""


@dataclass(frozen=True, eq=False)
class Mended(Made):
    """Restored samples in a folder.

    Attributes:
        draws: how they were drawn.
        coverage: how often they hold the truth, where that was asked for.
    """

    draws: Draws
    coverage: Coverage | None = None


def restore_into(
    run: str | Path,
    names: Sequence[str],
    request: RestoreRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Mended:
    """Restore samples: a picture of all, every draw with means and standard deviations, exact values in restored.npz.

    Interrupted, it keeps the finished batches, and the same call goes on.

    Args:
        run: a run folder or a checkpoint.
        names: files and folders of observations; of whole samples, or held-out ones, to simulate.
        request: what is wanted.
        out: the folder for the results, RUN/restored by default; results of an earlier call in it are replaced.
        device: where to compute; the best one found by default.
        trust_code: import and call what a custom source or network names; see ``load``.
        listener: hears how it gets on.
        say: told what is replaced.

    Raises:
        SettingsError: a line per wrong value, or other files in the folder.
        DataError: observations that cannot be read or do not fit.
        CheckpointError: no run there, or a damaged one, or a folder that cannot be written to.
        InterruptedRunError: stopped on request; the batches that are done are kept.
        NumericalError: samples are not finite.
    """
    opened = load(run, device=device, trust_code=trust_code)
    folder, (operator, method, sampler), labels = together(
        lambda: results_folder(out, opened, "restored"),
        lambda: _way(opened, request, listener),
        lambda: class_numbers(request.labels, opened.spec.class_names),
    )
    observed = _observed(opened, operator, request, names)
    if request.coverage and (observed.truth is None or request.num < LEAST_DRAWS):
        raise SettingsError(f"num: at least {LEAST_DRAWS} wanted to check coverage, with simulate, got {request.num}")
    draws = plan_draws(
        opened,
        observed,
        operator,
        noise=request.noise,
        num=request.num,
        method=method,
        sampler=sampler,
        labels=labels,
        seed=request.seed,
    )
    reference = _reference(request.operator)
    results = _Results(opened, observed, draws, reference, covers=request.coverage, doing="restoring")
    return results.make(folder, request.batch_size, listener, say)


def edit_into(
    run: str | Path,
    names: Sequence[str],
    request: EditRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Mended:
    """Change samples, from files or held-out ones, into a folder, RUN/edited by default.

    All else, the errors too, as of ``restore_into``.
    """
    opened = load(run, device=device, trust_code=trust_code)
    folder, before, after = together(
        lambda: results_folder(out, opened, "edited"),
        lambda: class_numbers(request.label_a, opened.spec.class_names, "label_a"),
        lambda: class_numbers(request.label_b, opened.spec.class_names, "label_b"),
    )
    observed = observe(opened, Mask.whole(opened.spec.shape), 0.0, names, request.seed)
    assert observed.truth is not None
    plan = EditPlan(request.method, request.strength, request.num, before, after, request.seed, request.sampler)
    draws = plan_edits(opened, observed.truth, observed.labels, plan, listener)
    results = _Results(opened, replace(observed, truth=None), draws, None, covers=False, doing="editing")
    return results.make(folder, request.batch_size, listener, say)


@dataclass(frozen=True, eq=False)
class _Results:
    """What is drawn and written.

    Attributes:
        run: the run.
        observed: what was seen.
        draws: what is drawn.
        reference: a file whose place in the world volumes have; None where there is none.
        covers: whether the draws are compared with the truth.
        doing: what is being done, in a word.
    """

    run: Run
    observed: Observed
    draws: Draws
    reference: Path | None
    covers: bool
    doing: str

    def make(self, folder: Path, batch_size: int, listener: Listener, say: Say) -> Mended:
        """Draw all samples, and write them to the folder."""
        more = [COVERAGE, HISTOGRAMS] if self.covers else []
        names = [*names_of(self.run, self.observed, self.draws.num, self.reference), *more]
        with results_in(folder, names, rf"{OURS}|{COVERAGE}|{HISTOGRAMS}") as results:
            say_what_is_replaced(results, say)
            x = _in_parts(self.run, self.draws, folder / PARTS, batch_size, listener, doing=self.doing)
            coverage = self._coverage(x) if self.covers else None
            what = f"{counted(len(self.draws), 'sample')} by {self.run.name}"
            written = results.put(what, lambda new: self._write(new, x, coverage))
            remove_parts(folder / PARTS)
        return Mended(self.run, x, written, self.draws, coverage)

    def _coverage(self, x: torch.Tensor) -> Coverage:
        """Rank the truth among draws, both as data have them."""
        truth, codec = self.observed.truth, self.run.spec.codec
        assert truth is not None
        return coverage_of(truth, codec.rounded(x).unflatten(0, (len(truth), self.draws.num)))

    def _write(self, new: Path, x: torch.Tensor, coverage: Coverage | None) -> dict[str, Path]:
        written = save_restored(new, self.run, self.observed, self.draws, x, self.reference)
        if coverage is None:
            return written
        kinds = {"single values": coverage.values, "random projections": coverage.projections}
        panels = [(title, str(found.main), found.histogram) for title, found in kinds.items()]
        written["coverage"] = write_atomically(new / COVERAGE, json.dumps(coverage.to_plain(), indent=1))
        written["ranks"] = write_atomically(new / HISTOGRAMS, png(rank_histograms(panels)))
        return written


def _way(run: Run, request: RestoreRequest, listener: Listener) -> tuple[Operator, Method, Sampler]:
    """Return operator, method and sampler of a request; what is wrong with any of them is told at once."""
    operator, method = together(
        lambda: run.operator(request.operator),
        lambda: None if request.method is None else find_method(run, request.method, request.options),
    )
    method = method or find_method(run, usual_method(operator), request.options)
    return operator, method, restoring_sampler(run, method, request.sampler, listener)


def _observed(run: Run, operator: Operator, request: RestoreRequest, names: Sequence[str]) -> Observed:
    if request.simulate:
        return observe(run, operator, request.noise, names, request.seed)
    return read_observed(run, operator, names)


def _reference(operator: str) -> Path | None:
    """Return the file that an operator was read from, which may tell where a volume lies in the world."""
    path = Path(operator.partition(":")[2] or ".")
    return path if path.is_file() else None


def _in_parts(run: Run, draws: Draws, folder: Path, size: int, listener: Listener, *, doing: str) -> torch.Tensor:
    """Draw all samples, a batch at a time, each kept as soon as it is done."""
    values = [one.values.double().numpy().tobytes() for one in draws.observations]
    operators = {id(one.operator): one.operator for one in draws.observations}  # most observations share theirs
    words = {key: _words(operator, run) for key, operator in operators.items()}
    request = {
        **request_of(run),
        **draws.to_plain(),
        "observed": hashlib.sha256(b"".join(values)).hexdigest(),
        "operators": [words[id(one.operator)] for one in draws.observations],
        "noise": [one.noise for one in draws.observations],
        "labels": list(draws.labels),
        "seed": draws.seed,
        "each": draws.num,
    }
    job = Job(doing, folder, request, len(draws), size, {"samples": run.spec.shape})
    ranks = Ranks()
    mine, kept = (min(count * size, len(draws)) for count in job.progress_of(ranks))
    with listener.follow(doing, mine, unit="samples", done=kept, parts=draws.steps) as bar:

        def compute(part: range, look: Callable[[], None]) -> Part:
            def stepped(count: int) -> None:
                look()
                bar.advance(count)

            return {"samples": draws.draw(run, part, stepped)}

        found = job.run(compute, ranks)
    assert found is not None  # one process is the main one
    return found["samples"]


def _words(operator: Operator, run: Run) -> str:
    """Tell one operator from another: by what it gives of numbers that are known."""
    trial = torch.linspace(-1, 1, torch.Size(run.spec.shape).numel(), dtype=torch.float64).view(1, *run.spec.shape)
    seen = operator.apply(trial.float())
    return f"{type(operator).__name__} {hashlib.sha256(seen.numpy().tobytes()).hexdigest()}"
