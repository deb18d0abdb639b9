"""Scoring a run on several data sets in one call, into one folder and one table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from idm.core.errors import SettingsError
from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.core.ranks import joined_ranks
from idm.core.text import counted, finite
from idm.data.writers.base import in_file_name
from idm.run import Evaluation, best_device
from idm.run.scoring import chain_of
from idm.storage.results import Results, results_in
from idm.tasks.evaluating import IN_A_SET, NAMES, RESULTS, WHAT, say_what_is_left, write_evaluation
from idm.tasks.long_jobs import share_plan
from idm.tasks.requests import ScoreRequest
from idm.tasks.score_plan import ScorePlan, measure_plans, plan_scores
from idm.tasks.scores import write_scores_of_sets
from idm.tasks.together import Say, held_by_main, open_together, say_nothing


@dataclass(frozen=True, eq=False)
class EvaluatedSets:
    """A run that was scored on several data sets.

    Attributes:
        evaluations: what was found of each set, by its path as it was given.
        remarks: what is worth knowing of each, a line each, by the same.
        written: what was written, by what it is.
    """

    evaluations: Mapping[str, Evaluation]
    remarks: Mapping[str, tuple[str, ...]]
    written: dict[str, Path]


def evaluate_sets_into(
    run_folder: str | Path,
    request: ScoreRequest,
    data: Sequence[str],
    out: str | Path | None = None,
    *,
    conditions: Sequence[str] | None = None,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> EvaluatedSets | None:
    """Score other data sets, one after the other: evaluation.json of all, a folder for each, and one scores.csv.

    What is not said here is as of ``evaluate_into``.

    Args:
        run_folder: a run or a checkpoint.
        request: what is wanted of each set; its ``data`` and ``condition`` count for nothing.
        data: paths of the sets, each once.
        out: the folder for results.
        conditions: those of each set, for a run that is told such.
        device: where to compute.
        trust_code: run the code that the run names.
        listener: hears how it gets on.
        say: told lines for people.

    Raises:
        SettingsError: a set twice; conditions of more or fewer sets.
        DataError: data that cannot be read or do not fit; nothing is scored then.
    """
    wanted = _requests(request, data, conditions)
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            opened = open_together(run_folder, request, ranks, device, listener, say, trust_code=trust_code)
            plans = [plan_scores(opened, one, out, listener, f"-{turn}") for turn, one in enumerate(wanted)]
            share_plan(request.plan, lambda: chain_of(opened, request.steps, request.plan, listener), ranks)
            table = plans[0].table
            ranks.on_main(lambda: table.require_free(say))
            names = NAMES if table.is_apart else (*NAMES, table.place.name)
            results = held_by_main(ranks, stack, results_in(table.folder, names, IN_A_SET), say)
            say_what_is_left(results, say)
            found = measure_plans(plans, ranks, listener)
        if results is None:
            return None
        evaluations = [plan.evaluation(one, listener) for plan, one in zip(plans, found, strict=True)]
        return _put(plans, results, evaluations)


def _requests(request: ScoreRequest, data: Sequence[str], conditions: Sequence[str] | None) -> list[ScoreRequest]:
    """What is wanted of each set."""
    _refuse_twice(data)
    beside = [None] * len(data) if conditions is None else list(conditions)
    if len(beside) != len(data):
        sets = counted(len(data), "data set")
        raise SettingsError(
            f"condition: one for each of the {sets} wanted, in their order, got {len(beside)}; give as many"
        )
    return [replace(request, data=path, condition=one) for path, one in zip(data, beside, strict=True)]


def _refuse_twice(data: Sequence[str]) -> None:
    twice = [path for path, count in Counter(data).items() if count > 1]
    if twice:
        raise SettingsError(f"data={twice[0]}: each data set once wanted, got it twice; leave one of them out")


def _put(plans: Sequence[ScorePlan], results: Results, evaluations: Sequence[Evaluation]) -> EvaluatedSets:
    """Put the results of all sets in the place of earlier ones."""
    paths, where, name = [str(plan.request.data) for plan in plans], plans[0].table, plans[0].run.name
    by_path = dict(zip(paths, evaluations, strict=True))

    def table(place: Path) -> dict[str, Path]:
        scored = [(path, plan.data, by_path[path].scores) for path, plan in zip(paths, plans, strict=True)]
        return {"scores": write_scores_of_sets(place, scored, where.place.name)} if scored[0][2] else {}

    def write(new: Path) -> dict[str, Path]:
        return _write_sets(new, plans, by_path) | ({} if where.is_apart else table(new))

    written = results.put(f"{WHAT} of {name}", write)
    if where.is_apart:
        with where.hold() as place:
            written |= place.put(f"scores of {name}", table)
    for plan in plans:
        plan.remove_parts()
    return EvaluatedSets(by_path, {path: plan.remarks for path, plan in zip(paths, plans, strict=True)}, written)


def _write_sets(folder: Path, plans: Sequence[ScorePlan], evaluations: Mapping[str, Evaluation]) -> dict[str, Path]:
    """Write the results of all sets together, and those of each in a folder of its own."""
    sets = {path: evaluation.to_plain() for path, evaluation in evaluations.items()}
    text = json.dumps(finite({"sets": sets}), indent=2, allow_nan=False) + "\n"
    for place, plan, evaluation in zip(folder_names(list(evaluations)), plans, evaluations.values(), strict=True):
        (folder / place).mkdir()
        write_evaluation(folder / place, plan, evaluation)
    return {"results": write_atomically(folder / RESULTS, text.encode(), durable=True)}


def folder_names(paths: Sequence[str]) -> list[str]:
    """Name a folder for each set by its number and the end of its path: 1_test-set."""
    return [f"{number}_{in_file_name(Path(path).name)}".rstrip("_") for number, path in enumerate(paths, 1)]
