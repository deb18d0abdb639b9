"""A request for scores that was found to suit its run and data, and what is measured for it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from idm.core.errors import SettingsError
from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.data.fingerprint import differing
from idm.likelihood import FlowLikelihood, SampledBound
from idm.metrics import Evidence, LevelScores, Needs
from idm.run import Data, Evaluation, Run, open_data_to_score
from idm.run.drawing import guided_samples
from idm.run.evaluation import about
from idm.run.figures import Metrics, choose_metrics
from idm.run.held_out_bounds import ScoredBound
from idm.run.idle import refuse_idle
from idm.run.plans import refuse_spacing
from idm.run.saving import results_folder
from idm.storage.results import Results, results_in
from idm.tasks.drawn_parts import Order
from idm.tasks.drawn_rows import Asked, draw_for
from idm.tasks.estimates import continuous_in_parts, flow_in_parts, scored_in_parts
from idm.tasks.level_parts import HELD_OUT, TRAINING, levels_in_parts
from idm.tasks.parts import remove_parts
from idm.tasks.requests import ScoreRequest
from idm.tasks.scores import place_of_scores
from idm.tasks.together import Say, say_what_is_replaced, together

BOUND, CONTINUOUS, FLOW, SAMPLES = ".parts-bound", ".parts-continuous", ".parts-flow", ".parts-samples"
"""Where the parts of long jobs lie meanwhile."""


@final
@dataclass(frozen=True)
class Table:
    """Where the scores of single samples go.

    Attributes:
        place: the file.
        folder: where the other results go.
        said: what was said of it; None: nothing.
    """

    place: Path
    folder: Path
    said: str | None

    @property
    def is_apart(self) -> bool:
        """Whether it goes to another folder than the other results."""
        return self.place.parent != self.folder

    def require_free(self, say: Say) -> None:
        """Refuse a name that somebody else's file has, before the work; say what it replaces elsewhere."""
        if self.said is not None:
            with self.hold() as results:
                if self.is_apart:
                    say_what_is_replaced(results, say)

    def hold(self) -> AbstractContextManager[Results]:
        """Hold its folder, no longer than it takes to look or to write it: others may work there."""
        return results_in(self.place.parent, (self.place.name,), setting=f"scores={self.said}")


@final
@dataclass(frozen=True, eq=False)
class Found:
    """What was scored and drawn for metrics, where they need it.

    Attributes:
        scored: the bound.
        flow: likelihoods by the flow.
        levels: errors over noise levels.
        continuous: the bound in continuous time.
        evidence: what was seen of real data and of samples.
    """

    scored: ScoredBound | None
    flow: FlowLikelihood | None
    levels: LevelScores | None
    continuous: SampledBound | None
    evidence: Evidence


@final
@dataclass(frozen=True, eq=False)
class ScorePlan:
    """A request that was found to suit its run.

    Attributes:
        run: the run.
        guided: the same, guided as its samples are to be, with the data that these are compared with.
        request: what is wanted.
        data: what is scored.
        folder: where results go.
        table: where the scores of single samples go, there or elsewhere.
        metrics: what is measured.
        turn: what tells the parts of its work from those of other plans there.
    """

    run: Run
    guided: Run
    request: ScoreRequest
    data: Data
    folder: Path
    table: Table
    metrics: Metrics
    turn: str = ""

    def measure(self, ranks: Ranks, listener: Listener) -> Found:
        """Score what metrics need, in parts, and look at real data; on the main process what was found."""
        request, needs, scored, flow, levels, endless = self.request, self.metrics.needs, None, None, None, None
        together: dict[str, Any] = {"ranks": ranks, "listener": listener}
        if Needs.BOUND in needs:
            scored = scored_in_parts(self.run, self.data, self._parts(BOUND), request, **together)
        if Needs.FLOW in needs:
            flow = flow_in_parts(self.run, self.data, self._parts(FLOW), request.bound, **together)
        if Needs.LEVELS in needs:
            levels = levels_in_parts(self.run, self.data, self._parts, request.bound, **together)
        if Needs.CONTINUOUS in needs:
            endless = continuous_in_parts(self.run, self.data, self._parts(CONTINUOUS), request.bound, **together)
        return Found(scored, flow, levels, endless, self.metrics.known(self.guided, self.data, **together))

    def evaluation(self, found: Found, listener: Listener) -> Evaluation:
        """Measure what was found."""
        run, data, request, metrics = self.run, self.data, self.request, self.metrics
        further: dict[str, Any] = {"flow": found.flow, "levels": found.levels, "continuous": found.continuous}
        figures = metrics.figures(found.evidence, run, data, found.scored, listener, **further)
        asked = about(run, request.seed, request.data, request.plan, request.guidance)
        return Evaluation(found.scored, figures, asked, metrics.sampler, request.samples, metrics.features, **further)

    def remove_parts(self) -> None:
        """Remove the parts of long jobs."""
        for name in (BOUND, CONTINUOUS, FLOW, SAMPLES, HELD_OUT, TRAINING):
            remove_parts(self._parts(name))

    @property
    def parts_of_samples(self) -> Path:
        """The folder of the parts of what is seen of samples."""
        return self._parts(SAMPLES)

    def _parts(self, name: str) -> Path:
        """Return the folder of the parts of a job."""
        return self.folder / f"{name}{self.turn}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth knowing of other data than the run's own, a line each."""
        if self.request.data is None:
            return ()
        known = self.run.curves.fingerprint
        same = bool(known) and not differing(known, self.data.spec.fingerprint) and self.run.variance != "model"
        told = ("the error curves were measured on these data, so the bound is a little too low",) if same else ()
        return self.data.held_out.source.remarks + told


def measure_plans(plans: Sequence[ScorePlan], ranks: Ranks, listener: Listener) -> list[Found]:
    """Measure all plans; samples, which are the same whatever they are compared with, are drawn once.

    Those of a run that is told conditions are drawn anew for the conditions of each set.

    Args:
        plans: of one run and one request, but for its data.
        ranks: the processes.
        listener: hears how it gets on.
    """
    found, first = [plan.measure(ranks, listener) for plan in plans], plans[0]
    sampler = first.metrics.sampler
    if sampler is None:
        return found
    size = min(Order.batch_size, first.request.batch_size)
    order = Order(first.request.samples, sampler, seed=first.request.seed, batch_size=size)
    asked = [Asked(plan.metrics, plan.data, one.evidence) for plan, one in zip(plans, found, strict=True)]
    how: dict[str, Any] = {"ranks": ranks, "listener": listener}
    if not first.run.spec.label_kind.are_fields:
        seen = draw_for(first.guided, order, first.parts_of_samples, asked, **how)
    else:
        apart = zip(plans, asked, strict=True)
        seen = [draw_for(plan.guided, order, plan.parts_of_samples, [one], **how)[0] for plan, one in apart]
    return [replace(one, evidence=evidence) for one, evidence in zip(found, seen, strict=True)]


def plan_scores(
    opened: Run, request: ScoreRequest, out: str | Path | None, listener: Listener, turn: str = ""
) -> ScorePlan:
    """Check a request; all that is wrong with it is told at once.

    Args:
        opened: the run.
        request: what is wanted.
        out: the folder for results; one in the run by default.
        listener: hears how it gets on.
        turn: what tells the parts of its work from those of other plans in that folder.

    Raises:
        SettingsError: wrong values.
        DataError: nothing is held out, or data that cannot be read or do not fit.
    """
    folder, sampler, data, _, guided, _ = together(
        lambda: results_folder(out, opened, "evaluated"),
        lambda: opened.sampler(**request.sampler, listener=listener),
        lambda: open_data_to_score(opened, request.data, request.source, request.condition, request.condition_source),
        lambda: refuse_spacing(request.plan, request.sampler),
        lambda: guided_samples(opened, request.guidance, request.samples),
        lambda: request.bound,
    )
    table = Table(place_of_scores(request.scores, opened, folder), folder, request.scores)
    how: dict[str, Any] = {"features": request.features, "cache": request.cache}
    metrics = choose_metrics(guided, data, request.metrics, samples=request.samples, sampler=sampler, **how)
    if request.scores is not None and not metrics.needs & (Needs.BOUND | Needs.FLOW | Needs.CONTINUOUS):
        raise SettingsError(
            f"scores: a metric of single samples wanted, such as bound, got {','.join(metrics.members)}; leave it out"
        )
    refuse_idle(request.bound, metrics.members)
    guided = replace(guided, data=data)  # samples are drawn for the conditions of what they are compared with
    return ScorePlan(opened, guided, request, data, folder, table, metrics, turn)
