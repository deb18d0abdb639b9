"""What tasks of several processes share: checks whose errors are told at once, and a folder that the main one holds."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from idm.core.errors import SettingsError
from idm.core.ranks import Ranks
from idm.storage.results import Results

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
