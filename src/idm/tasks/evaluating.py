"""Scoring a run into a folder, in parts that outlive an interruption and by several processes."""

import json
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks, joined_ranks
from idm.core.text import finite
from idm.data.fingerprint import differing
from idm.likelihood import Estimate, FlowLikelihood
from idm.metrics import Needs
from idm.report import bound_by_timestep, png
from idm.report.steps import learned_and_best
from idm.run import Data, Evaluation, Run, best_device, open_data_to_score
from idm.run.drawing import guided_samples
from idm.run.evaluation import about
from idm.run.figures import Metrics, choose_metrics
from idm.run.held_out_bounds import ScoredBound
from idm.run.idle import refuse_idle
from idm.run.plans import refuse_spacing
from idm.run.saving import results_folder
from idm.run.scoring import chain_of
from idm.storage.results import Results, results_in
from idm.tasks.estimates import flow_in_parts, scored_in_parts
from idm.tasks.long_jobs import Order, sample_in_parts, share_plan
from idm.tasks.parts import remove_parts
from idm.tasks.requests import ScoreRequest
from idm.tasks.scores import SCORES, place_of_scores, write_scores
from idm.tasks.together import Say, held_by_main, open_together, say_nothing, say_what_is_replaced, together

BOUND, FLOW, SAMPLES = ".parts-bound", ".parts-flow", ".parts-samples"
"""Where the parts of long jobs lie meanwhile."""

PLOT, RESULTS, VARIANCE = "bound.png", "evaluation.json", "variance.png"
NAMES, WHAT = (RESULTS, SCORES, PLOT, VARIANCE), "an evaluation"
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
    """Score data in bits/dim, term by term, into RUN/evaluated by default: evaluation.json, scores.csv and a plot.

    What is not said here is as of ``sample_into``; the custom source of a run is trusted, too.

    Raises:
        DataError: nothing is held out, or data that cannot be read or do not fit.
    """
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            opened = open_together(run_folder, request, ranks, device, listener, say, trust_code=trust_code)
            plan = _plan(opened, request, out, listener)
            share_plan(request.plan, lambda: chain_of(opened, request.steps, request.plan, listener), ranks)
            ranks.on_main(lambda: plan.require_free_table(say))
            results = held_by_main(ranks, stack, results_in(plan.folder, plan.names), say)
            if results is not None and (tables := [name for name in results.kept if name.endswith(".csv")]):
                say(f"leaves {', '.join(tables)} of an earlier command, in {plan.folder}")
            found = plan.measure(ranks, listener)
        return None if results is None else plan.put(results, found, listener)


@final
@dataclass(frozen=True, eq=False)
class _Found:
    """What was scored and drawn for metrics, where they need it.

    Attributes:
        scored: the bound.
        flow: likelihoods by the flow.
        drawn: samples.
    """

    scored: ScoredBound | None
    flow: FlowLikelihood | None
    drawn: Tensor | None


@final
@dataclass(frozen=True, eq=False)
class _Plan:
    """A request that was found to suit its run.

    Attributes:
        run: the run.
        guided: the same, guided as its samples are to be.
        request: what is wanted.
        data: what is scored.
        folder: where results go.
        table: where the scores of single samples go, there or elsewhere.
        metrics: what is measured.
    """

    run: Run
    guided: Run
    request: ScoreRequest
    data: Data
    folder: Path
    table: Path
    metrics: Metrics

    @property
    def is_apart(self) -> bool:
        """Whether the table goes to another folder than the other results."""
        return self.table.parent != self.folder

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what is written to the folder for results."""
        return NAMES if self.is_apart else (*NAMES, self.table.name)

    def require_free_table(self, say: Say) -> None:
        """Refuse a name of the table that somebody else's file has, before the work; say what it replaces elsewhere."""
        if self.request.scores is not None:
            with self.hold_table() as results:
                if self.is_apart:
                    say_what_is_replaced(results, say)

    def hold_table(self) -> AbstractContextManager[Results]:
        """Hold the folder of the table, no longer than it takes to look or to write it: others may work there."""
        return results_in(self.table.parent, (self.table.name,), setting=f"scores={self.request.scores}")

    def measure(self, ranks: Ranks, listener: Listener) -> _Found:
        """Score and draw what metrics need, in parts; on the main process what was found."""
        request, needs, scored, flow, drawn = self.request, self.metrics.needs, None, None, None
        together: dict[str, Any] = {"ranks": ranks, "listener": listener}
        if Needs.BOUND in needs:
            scored = scored_in_parts(self.run, self.data, self.folder / BOUND, request, **together)
        if Needs.FLOW in needs:
            flow = flow_in_parts(self.run, self.data, self.folder / FLOW, request.bound, **together)
        if self.metrics.sampler is not None:
            order = Order(request.samples, self.metrics.sampler, seed=request.seed)
            drawn = sample_in_parts(self.guided, order, self.folder / SAMPLES, **together)
        return _Found(scored, flow, drawn)

    def put(self, results: Results, found: _Found, listener: Listener) -> Evaluated:
        """Measure, and put the results in the place of earlier ones."""
        run, data, request, metrics = self.run, self.data, self.request, self.metrics
        figures = metrics.figures(self.guided, data, found.scored, found.drawn, listener, flow=found.flow)
        asked = about(run, request.seed, request.data, request.plan, request.guidance)
        evaluation = Evaluation(
            found.scored, figures, asked, metrics.sampler, request.samples, metrics.features, found.flow
        )
        what, apart = f"{WHAT} of {run.name}", self.is_apart

        def table(place: Path) -> dict[str, Path]:
            scores = evaluation.scores
            return {"scores": write_scores(place, data, scores, self.table.name)} if scores else {}

        written = results.put(what, lambda new: write_evaluation(new, evaluation) | ({} if apart else table(new)))
        if apart:
            with self.hold_table() as place:
                written |= place.put(f"scores of {run.name}", table)
        for name in (BOUND, FLOW, SAMPLES):
            remove_parts(self.folder / name)
        return Evaluated(evaluation, _remarks(run, data, request), written)


def _plan(opened: Run, request: ScoreRequest, out: str | Path | None, listener: Listener) -> _Plan:
    """Check a request; all that is wrong with it is told at once."""
    folder, sampler, data, _, guided, _ = together(
        lambda: results_folder(out, opened, "evaluated"),
        lambda: opened.sampler(**request.sampler, listener=listener),
        lambda: open_data_to_score(opened, request.data, request.source, request.condition),
        lambda: refuse_spacing(request.plan, request.sampler),
        lambda: guided_samples(opened, request.guidance, request.samples),
        lambda: request.bound,
    )
    table = place_of_scores(request.scores, opened, folder)
    metrics = choose_metrics(
        guided, data, request.metrics, samples=request.samples, sampler=sampler, features=request.features
    )
    if request.scores is not None and not metrics.needs & (Needs.BOUND | Needs.FLOW):
        raise SettingsError(
            f"scores: a metric of single samples wanted, such as bound, got {','.join(metrics.members)}; leave it out"
        )
    refuse_idle(request.bound, metrics.members)
    return _Plan(opened, guided, request, data, folder, table, metrics)


def _remarks(run: Run, data: Data, request: ScoreRequest) -> tuple[str, ...]:
    """Return what is worth knowing of other data than the run's own, a line each."""
    if request.data is None:
        return ()
    known = run.curves.fingerprint
    same = bool(known) and not differing(known, data.spec.fingerprint) and run.variance != "model"
    told = ("the error curves were measured on these data, so the bound is a little too low",) if same else ()
    return data.held_out.source.remarks + told


def write_evaluation(folder: Path, evaluation: Evaluation) -> dict[str, Path]:
    """Write the results as JSON; of all terms of a bound a plot, and one of the variance where it was learned."""
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
