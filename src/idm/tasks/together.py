"""What tasks of several processes share: a run, errors that are told at once, a folder that the main one holds."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from idm.core.errors import SettingsError
from idm.core.progress import Listener
from idm.core.ranks import Ranks
from idm.run import Run
from idm.run.other_fits import told_of_other_fits
from idm.storage.results import Results
from idm.tasks.long_jobs import load_together, share_plan
from idm.tasks.requests import SampleRequest, ScoreRequest

Say = Callable[[str], None]
"""Told a line for people."""


def say_nothing(line: str) -> None:
    """Say nothing."""


def together(*attempts: Callable[[], Any]) -> list[Any]:
    """Call all of them and return their results, or raise their errors as one.

    Raises:
        SettingsError: with one line per wrong value.
    """
    results: list[Any] = []
    errors: list[SettingsError] = []
    for attempt in attempts:
        try:
            results.append(attempt())
        except SettingsError as error:
            errors.append(error)
    if errors:
        raise type(errors[0])(*(line for error in errors for line in error.lines))
    return results


def held_by_main(
    ranks: Ranks, stack: ExitStack, folder: AbstractContextManager[Results], say: Say = say_nothing
) -> Results | None:
    """Hold a folder for results in the main process, which writes, until a stack of contexts ends.

    Returns:
        The results on the main process, None on the others.

    Raises:
        IdmError: the folder cannot be held, on every process.
    """
    held: list[Results] = []
    ranks.on_main(lambda: held.append(stack.enter_context(folder)))
    if not held:
        return None
    say_what_is_replaced(held[0], say)
    return held[0]


def say_what_is_replaced(results: Results, say: Say) -> None:
    """Say what the results are going to replace."""
    if results.replaces:
        say(f"replaces {results.replaces}, in {results.folder}")


def open_together(
    run_folder: str | Path,
    request: SampleRequest | ScoreRequest,
    ranks: Ranks,
    device: str | None,
    listener: Listener,
    say: Say,
    *,
    trust_code: bool,
) -> Run:
    """Open a run on every process as a request wants it, and say which fits are of no use to it.

    Levels that its sampler needs planned are planned by the main process. Arguments as of ``sample_into``.
    """
    opened = load_together(run_folder, ranks, device=device, trust_code=trust_code)
    opened = opened.using(precision=request.precision, variance=request.variance)
    if others := told_of_other_fits(opened.fits, run_folder):
        say(others)
    share_plan(request.sampler.get("plan"), lambda: opened.sampler(**request.sampler, listener=listener), ranks)
    return opened
