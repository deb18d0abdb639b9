"""Scoring a run into a folder, in parts that outlive an interruption and by several processes."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.ranks import joined_ranks
from idm.core.text import finite
from idm.data.fingerprint import differing
from idm.likelihood import Estimate
from idm.metrics import Needs
from idm.report import bound_by_timestep, png
from idm.report.steps import learned_and_best
from idm.run import Data, Evaluation, Run, best_device, open_data_to_score
from idm.run.drawing import guided_samples
from idm.run.evaluation import about
from idm.run.figures import choose_metrics
from idm.run.plans import refuse_spacing
from idm.run.saving import results_folder
from idm.run.scoring import chain_of
from idm.storage.results import results_in
from idm.tasks.long_jobs import Order, bound_in_parts, sample_in_parts, share_plan
from idm.tasks.parts import remove_parts
from idm.tasks.requests import ScoreRequest
from idm.tasks.together import Say, held_by_main, open_together, say_nothing, together

BOUND, SAMPLES = ".parts-bound", ".parts-samples"
"""Where the parts of long jobs lie meanwhile."""

PLOT, RESULTS, VARIANCE = "bound.png", "evaluation.json", "variance.png"
NAMES, WHAT = (RESULTS, PLOT, VARIANCE), "an evaluation"
"""What is written, and what it is."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A run that was scored into a folder.

    Attributes:
        evaluation: what was found.
        remarks: what is worth knowing of other data than the run's own, a line each.
        written: what was written, by what it is.
    """

    evaluation: Evaluation
    remarks: tuple[str, ...]
    written: dict[str, Path]


def evaluate_into(
    run_folder: str | Path,
    request: ScoreRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Evaluated | None:
    """Score data in bits/dim, term by term, into RUN/evaluated by default: evaluation.json, and a plot of the terms.

    What is not said here is as of ``sample_into``; the custom source of a run is trusted, too.

    Raises:
        DataError: nothing is held out, or data that cannot be read or do not fit.
    """
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            opened = open_together(run_folder, request, ranks, device, listener, say, trust_code=trust_code)
            folder, sampler, data, _, guided = together(
                lambda: results_folder(out, opened, "evaluated"),
                lambda: opened.sampler(**request.sampler, listener=listener),
                lambda: open_data_to_score(opened, request.data, request.source),
                lambda: refuse_spacing(request.plan, request.sampler),
                lambda: guided_samples(opened, request.guidance, request.samples),
            )
            metrics = choose_metrics(
                guided, data, request.metrics, samples=request.samples, sampler=sampler, features=request.features
            )
            share_plan(request.plan, lambda: chain_of(opened, request.steps, request.plan, listener), ranks)
            results = held_by_main(ranks, stack, results_in(folder, NAMES), say)
            bound = drawn = None
            if Needs.BOUND in metrics.needs:
                bound = bound_in_parts(opened, data, folder / BOUND, request, ranks=ranks, listener=listener)
            if metrics.sampler is not None:
                order = Order(request.samples, metrics.sampler, seed=request.seed)
                drawn = sample_in_parts(guided, order, folder / SAMPLES, ranks=ranks, listener=listener)
        if results is None:
            return None
        asked = about(opened, request.seed, request.data, request.plan, request.guidance)
        figures = metrics.figures(guided, data, bound, drawn, listener)
        evaluation = Evaluation(bound, figures, asked, metrics.sampler, request.samples, metrics.features)
        written = results.put(f"{WHAT} of {opened.name}", lambda place: write_evaluation(place, evaluation))
        for name in (BOUND, SAMPLES):
            remove_parts(folder / name)
    return Evaluated(evaluation, _remarks(opened, data, request), written)


def _remarks(run: Run, data: Data, request: ScoreRequest) -> tuple[str, ...]:
    """Return what is worth knowing of other data than the run's own, a line each."""
    if request.data is None:
        return ()
    known = run.curves.fingerprint
    same = bool(known) and not differing(known, data.spec.fingerprint) and run.variance != "model"
    told = ("the error curves were measured on these data, so the bound is a little too low",) if same else ()
    return data.held_out.source.remarks + told


def write_evaluation(folder: Path, evaluation: Evaluation) -> dict[str, Path]:
    """Write the results as JSON; of a bound a plot of the terms, and one of the variance where it was learned."""
    text = json.dumps(finite(evaluation.to_plain()), indent=2, allow_nan=False) + "\n"
    written = {"results": write_atomically(folder / RESULTS, text.encode(), durable=True)}
    bound = evaluation.bound
    if bound is None:
        return written
    terms = [Estimate.of(column) for column in bound.vlb.vb.T]
    figure = bound_by_timestep([one.mean for one in terms], [one.standard_error for one in terms], bound.timesteps)
    written["plot"] = write_atomically(folder / PLOT, png(figure))
    if bound.fractions is not None:
        written["variance_plot"] = write_atomically(folder / VARIANCE, png(learned_and_best(bound.fractions)))
    return written
