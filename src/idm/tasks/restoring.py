"""Restoring and changing samples, into a folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener, tell
from idm.restoration import Mask, Method, Operator
from idm.run import Run, load
from idm.run.draws import Draws
from idm.run.edits import EditPlan, known_of, plan_edits
from idm.run.label_kind import class_of
from idm.run.method_settings import find_method, usual_method
from idm.run.named_classifier import guided_by_names
from idm.run.observing import Observed, observe, read_observed
from idm.run.other_conditions import conditions_for
from idm.run.restoring import RestorePlan, plan_draws, restoring_sampler
from idm.run.saving import results_folder
from idm.run.unknown_classes import MOST_CLASSES, class_particles
from idm.samplers import Sampler
from idm.tasks.edit_requests import EditRequest
from idm.tasks.mending import Mended, Mending
from idm.tasks.requests import RestoreRequest
from idm.tasks.together import Say, say_nothing, together

NO_CLASS_TOLD = (
    "note: no class was told: each draw is told one of {count} that explains what was observed, which takes {least:,} "
    "to {most:,} calls more of each observation; labels=CLASS where it is known, or class_particles=0, takes none"
)
TOO_MANY_CLASSES = (
    "note: no class was told: draws choose one that fits, too early sometimes; give labels=CLASS where it is known, or "
    "class_particles=64 to weigh all classes"
)
LEAST_DRAWS = 19
"""Fewest draws that regions of 90 % are made of."""


def restore_into(
    run_folder: str | Path,
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
        run_folder: a run folder or a checkpoint.
        names: files and folders of observations; of whole samples, or held-out ones, to simulate.
        request: what is wanted.
        out: the folder for the results, RUN/restored by default; results of an earlier call in it are replaced.
        device: where to compute; the best one found by default.
        trust_code: import and call what a custom source or network names; see ``load``.
        listener: hears how it gets on.
        say: told what is replaced.

    Raises:
        IdmError: what ``Run.restore`` raises; other files in the folder, or one that cannot be written to; stopped on
            request, with the batches that are done kept.
    """
    opened = load(run_folder, device=device, trust_code=trust_code)
    folder, plan = together(lambda: results_folder(out, opened, "restored"), lambda: _plan(opened, request, listener))
    observed = _observed(opened, plan, request, names)
    if request.condition is not None:
        fields = conditions_for(opened, request.condition, len(observed.values), request.condition_source)
        kind = opened.spec.label_kind
        plan = replace(plan, labels=kind.read(kind.asked(request.labels, fields)))
    draws, reference = plan_draws(opened, observed, plan), _reference(request.operator)
    if draws.unknown is not None:
        least, most = draws.unknown.calls
        tell(NO_CLASS_TOLD.format(count=draws.unknown.count, least=least, most=most))
    elif request.method is None and request.class_particles is None and _lack_classes(draws, opened):
        tell(TOO_MANY_CLASSES)
    mending = Mending(opened, observed, draws, reference, covers=request.coverage, doing="restoring")
    return mending.make(folder, request.batch_size, listener, say)


def edit_into(
    run_folder: str | Path,
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
    opened = guided_by_names(load(run_folder, device=device, trust_code=trust_code), request.guide)
    folder, before, after = together(
        lambda: results_folder(out, opened, "edited"),
        lambda: opened.label_kind.read(request.label_a, "label_a"),
        lambda: opened.label_kind.read(request.label_b, "label_b"),
    )
    observed = observe(opened, Mask.whole(opened.spec.shape), 0.0, names, request.seed)
    assert observed.truth is not None
    plan = EditPlan(request.method, request.strength, request.num, before, after, request.seed, request.sampler)
    fields = None
    if request.condition is not None:
        fields = conditions_for(opened, request.condition, len(observed.truth), request.condition_source)
    draws = plan_edits(opened, observed.truth, known_of(opened, observed.labels, fields), plan, listener)
    mending = Mending(opened, replace(observed, truth=None), draws, None, covers=False, doing="editing")
    return mending.make(folder, request.batch_size, listener, say)


def _plan(run: Run, request: RestoreRequest, listener: Listener) -> RestorePlan:
    """Read a request, all but its conditions; what is wrong with any of it is told at once."""
    kind = run.spec.label_kind
    (operator, method, sampler), labels = together(
        lambda: _way(run, request, listener),
        lambda: kind.read(kind.asked(request.labels, None)),
    )
    particles = class_particles(run, request.class_particles, is_method_named=request.method is not None)
    how = (method, sampler, labels, request.seed, particles)
    return RestorePlan(operator, request.noise, request.num, *how).checked()


def _way(run: Run, request: RestoreRequest, listener: Listener) -> tuple[Operator, Method, Sampler]:
    """Return operator, method and sampler of a request; what is wrong with any of them is told at once."""
    operator, method = together(
        lambda: run.operator(request.operator),
        lambda: None if request.method is None else find_method(run, request.method, request.options),
    )
    method = method or find_method(run, usual_method(operator), request.options)
    return operator, method, restoring_sampler(run, method, request.sampler, listener)


def _observed(run: Run, plan: RestorePlan, request: RestoreRequest, names: Sequence[str]) -> Observed:
    """Read observations, or simulate them, which coverage needs.

    Raises:
        SettingsError: too few draws for regions of 90 %.
    """
    if request.coverage and not (request.simulate and plan.num >= LEAST_DRAWS):
        raise SettingsError(f"num: at least {LEAST_DRAWS} wanted to check coverage, with simulate, got {plan.num}")
    if request.simulate:
        return observe(run, plan.operator, plan.noise, names, plan.seed)
    return read_observed(run, plan.operator, names)


def _lack_classes(draws: Draws, run: Run) -> bool:
    """Whether no sample is told a class of a run that has too many to be weighed unasked."""
    are_many = (run.spec.num_classes or 0) > MOST_CLASSES
    return are_many and all(class_of(label) is None for label in draws.labels)


def _reference(operator: str) -> Path | None:
    """Return the file that an operator was read from, which may tell where a volume lies in the world."""
    path = Path(operator.partition(":")[2] or ".")
    return path if path.is_file() else None
