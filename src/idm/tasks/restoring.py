"""Restoring samples from what was observed of them, into a folder, in parts that outlive an interruption."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.core.text import counted
from idm.restoration import Mask, Operator
from idm.run import Run, load
from idm.run.edits import plan_edits
from idm.run.labels import Labels, class_numbers
from idm.run.observing import Observed, observe, read_observed
from idm.run.restored_files import OURS, names_of, save_restored
from idm.run.method_settings import DEFAULT_METHOD, find_method
from idm.run.restoring import Draws, plan_draws, restoring_sampler
from idm.run.saving import results_folder
from idm.storage.results import results_in
from idm.tasks.long_jobs import request_of, words_of
from idm.tasks.made import Made
from idm.tasks.part_files import Part
from idm.tasks.parts import Job, remove_parts
from idm.tasks.together import Say, say_nothing, say_what_is_replaced, together

PARTS = ".parts-restored"
"""Where the parts lie meanwhile."""


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class RestoreRequest:
    """Restored samples that are wanted.

    Attributes:
        operator: what was observed, as of ``Run.operator``.
        noise: standard deviation of its noise, in the data's units.
        num: samples of each observation.
        method: name of the method.
        options: of the method.
        sampler: settings of the sampler, as of ``Run.sampler``; DDPM in 100 steps by default.
        labels: classes of the observations, in turn; no class by default.
        seed: draw j of observation i is drawn from seed + num i + j.
        simulate: observe whole samples first, so that the truth stands beside the results.
        batch_size: samples per call of the network.
    """

    operator: str
    noise: float = 0.0
    num: int = 8
    method: str = DEFAULT_METHOD
    options: Mapping[str, Any] = field(default_factory=_nothing)
    sampler: Mapping[str, Any] = field(default_factory=_nothing)
    labels: Labels | None = None
    seed: int = 0
    simulate: bool = False
    batch_size: int = 64


@dataclass(frozen=True)
class EditRequest:
    """Changed samples that are wanted.

    Attributes:
        strength: how far they go to noise, from 0 (nothing changes) to 1 (nothing stays).
        num: results of each.
        labels: classes that they shall have, in turn; their own by default.
        sampler: as of ``RestoreRequest``.
        seed: result j of sample i is drawn from seed + num i + j.
        batch_size: samples per call of the network.
    """

    strength: float = 0.5
    num: int = 1
    labels: Labels | None = None
    sampler: Mapping[str, Any] = field(default_factory=_nothing)
    seed: int = 0
    batch_size: int = 64


@dataclass(frozen=True, eq=False)
class Mended(Made):
    """Restored samples in a folder.

    Attributes:
        draws: how they were drawn.
    """

    draws: Draws


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
    folder, operator, method, sampler, labels = together(
        lambda: results_folder(out, opened, "restored"),
        lambda: opened.operator(request.operator),
        lambda: find_method(request.method, request.options),
        lambda: restoring_sampler(opened, request.sampler, listener),
        lambda: class_numbers(request.labels, opened.spec.class_names),
    )
    observed = _observed(opened, operator, request, names)
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
    return _finish(opened, observed, draws, folder, request.batch_size, listener, say, _reference(request.operator))


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
    folder, sampler, labels = together(
        lambda: results_folder(out, opened, "edited"),
        lambda: restoring_sampler(opened, request.sampler, listener),
        lambda: class_numbers(request.labels, opened.spec.class_names),
    )
    whole = Mask(opened.spec.shape, torch.ones(opened.spec.shape, dtype=torch.bool))
    observed = observe(opened, whole, 0.0, names, request.seed)
    assert observed.truth is not None
    draws = plan_edits(
        opened,
        observed.truth,
        observed.labels,
        strength=request.strength,
        labels=labels,
        num=request.num,
        sampler=sampler,
        seed=request.seed,
    )
    return _finish(opened, replace(observed, truth=None), draws, folder, request.batch_size, listener, say)


def _finish(
    run: Run,
    observed: Observed,
    draws: Draws,
    folder: Path,
    batch_size: int,
    listener: Listener,
    say: Say,
    reference: Path | None = None,
) -> Mended:
    """Draw all samples, and write them to the folder."""
    with results_in(folder, names_of(run, observed, draws.num, reference), OURS) as results:
        say_what_is_replaced(results, say)
        x = _in_parts(run, draws, folder / PARTS, batch_size, listener)
        what = f"{counted(len(draws), 'sample')} by {run.name}"
        written = results.put(what, lambda new: save_restored(new, run, observed, draws, x, reference))
        remove_parts(folder / PARTS)
    return Mended(run, x, written, draws)


def _observed(run: Run, operator: Operator, request: RestoreRequest, names: Sequence[str]) -> Observed:
    if request.simulate:
        return observe(run, operator, request.noise, names, request.seed)
    return read_observed(run, operator, names)


def _reference(operator: str) -> Path | None:
    """Return the file that an operator was read from, which may tell where a volume lies in the world."""
    path = Path(operator.partition(":")[2] or ".")
    return path if path.is_file() else None


def _in_parts(run: Run, draws: Draws, folder: Path, size: int, listener: Listener) -> torch.Tensor:
    """Draw all samples, a batch at a time, each kept as soon as it is done."""
    values = [one.values.double().numpy().tobytes() for one in draws.observations]
    request = {
        **request_of(run),
        "sampler": words_of(draws.sampler),
        "method": repr(draws.method),
        "observed": hashlib.sha256(b"".join(values)).hexdigest(),
        "operators": [_words(one.operator, run) for one in draws.observations],
        "noise": [one.noise for one in draws.observations],
        "labels": list(draws.labels),
        "seed": draws.seed,
        "each": draws.num,
    }
    job = Job("restoring", folder, request, len(draws), size, {"samples": run.spec.shape})
    ranks = Ranks()
    mine, kept = (min(count * size, len(draws)) for count in job.progress_of(ranks))
    with listener.follow("restoring", mine, unit="samples", done=kept, parts=draws.steps) as bar:

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
