"""The command line; every verb is one file, and nothing here imports torch before a verb runs."""

import sys
from collections.abc import Sequence

from idm.core.signals import StopError, at_once, stop_on_signals
from idm.core.streams import lasting_streams

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code: 0 where all is done, see ``docs/errors.md`` for the others.

    Signals are heard from here on, before anything is imported that takes a moment.

    Args:
        arguments: the command line without the program's name; ``sys.argv`` by default.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with lasting_streams() as out:
        code = _run(given)
        out.flush()
        if code or out.error is None:
            return code
        from idm.cli.endings import lost

        return lost(out.error)


def _run(given: list[str]) -> int:
    with stop_on_signals():
        try:
            with at_once():
                from idm.cli.app import run
        except StopError as stop:
            from idm.cli.endings import stopped

            return stopped(given, stop)
        return run(given)
