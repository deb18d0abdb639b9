"""Scoring a run into a folder, in parts that outlive an interruption and by several processes."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.ranks import joined_ranks
from idm.core.text import finite
from idm.likelihood import Estimate
from idm.report import bound_by_timestep, png
from idm.report.levels import errors_over_levels
from idm.report.steps import learned_and_best
from idm.run import Evaluation, best_device
from idm.run.scoring import chain_of
from idm.storage.results import Results, results_in
from idm.tasks.long_jobs import share_plan
from idm.tasks.map_parts import FILE as MAPS
from idm.tasks.map_parts import write_maps
from idm.tasks.requests import ScoreRequest
from idm.tasks.score_plan import ScorePlan, measure_plans, plan_scores
from idm.tasks.scores import SCORES, write_scores
from idm.tasks.together import Say, held_by_main, open_together, say_nothing

PLOT, RESULTS, VARIANCE, LEVELS = "bound.png", "evaluation.json", "variance.png", "levels.png"
NAMES, WHAT = (RESULTS, SCORES, PLOT, VARIANCE, LEVELS, MAPS), "an evaluation"
"""What is written, and what it is."""

IN_A_SET = r"[^/]+/[a-z]+\.(json|png|npz)"
"""Regular expression of what is written of each of several data sets."""


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
            plan = plan_scores(opened, request, out, listener)
            share_plan(request.plan, lambda: chain_of(opened, request.steps, request.plan, listener), ranks)
            ranks.on_main(lambda: plan.table.require_free(say))
            names = NAMES if plan.table.is_apart else (*NAMES, plan.table.place.name)
            results = held_by_main(ranks, stack, results_in(plan.folder, names, IN_A_SET), say)
            say_what_is_left(results, say)
            (found,) = measure_plans([plan], ranks, listener)
        return None if results is None else _put(plan, results, plan.evaluation(found, listener))


def say_what_is_left(results: Results | None, say: Say) -> None:
    """Say which tables of earlier commands stay in the folder for results."""
    if results is not None and (tables := [name for name in results.kept if name.endswith(".csv")]):
        say(f"leaves {', '.join(tables)} of an earlier command, in {results.folder}")


def _put(plan: ScorePlan, results: Results, evaluation: Evaluation) -> Evaluated:
    """Put the results in the place of earlier ones."""
    run, where = plan.run, plan.table

    def table(place: Path) -> dict[str, Path]:
        scores = evaluation.scores
        return {"scores": write_scores(place, plan.data, scores, where.place.name)} if scores else {}

    written = results.put(
        f"{WHAT} of {run.name}",
        lambda new: write_evaluation(new, plan, evaluation) | ({} if where.is_apart else table(new)),
    )
    if where.is_apart:
        with where.hold() as place:
            written |= place.put(f"scores of {run.name}", table)
    plan.remove_parts()
    return Evaluated(evaluation, plan.remarks, written)


def write_evaluation(folder: Path, plan: ScorePlan, evaluation: Evaluation) -> dict[str, Path]:
    """Write the results as JSON and plots, and maps of samples where they were asked for."""
    text = json.dumps(finite(evaluation.to_plain()), indent=2, allow_nan=False) + "\n"
    written = {"results": write_atomically(folder / RESULTS, text.encode(), durable=True)}
    if evaluation.maps is not None:
        written["maps"] = write_maps(folder, plan.data, evaluation.maps)
    if evaluation.levels is not None:
        written["levels_plot"] = write_atomically(folder / LEVELS, png(errors_over_levels(evaluation.levels)))
    bound = evaluation.bound
    if bound is None:
        return written
    terms = [Estimate.of(column) for column in bound.vlb.vb.T]
    figure = bound_by_timestep([one.mean for one in terms], [one.standard_error for one in terms], bound.timesteps)
    written["plot"] = write_atomically(folder / PLOT, png(figure))
    if bound.fractions is not None:
        written["variance_plot"] = write_atomically(folder / VARIANCE, png(learned_and_best(bound.fractions)))
    return written
