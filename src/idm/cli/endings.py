"""How the program ends where a verb does not: what is said of errors and stops, and the exit codes."""

import errno
import signal
import time
import traceback
from collections.abc import Sequence

from idm.core.errors import CheckpointError, IdmError, InterruptedRunError, SettingsError
from idm.core.launch import rank, restarts_itself
from idm.core.progress import tell, tell_as_it_is
from idm.core.signals import StopError, stop_requested

CONTINUED_VERBS = ("train", "sample", "evaluate", "compare", "tradeoff", "demo", "edit", "restore", "train-classifier")
"""What goes on from where it was when the same command is given again."""

BEGUN_ANEW = ("calibrate", "fit-solver", "check-math", "encode", "decode", "interpolate", "ema", "import", "report")
"""What begins anew then: its results are written at its end."""

SECONDS_FOR_THE_FIRST = 2.0

GONE = (errno.EPIPE, errno.EIO)
"""What a pipe without a reader, and a terminal that was closed, answer."""


def stopped(arguments: Sequence[str], stop: StopError, *, debug: bool = False) -> int:
    """Return the exit code of a verb that was stopped where nothing had to be saved.

    Args:
        arguments: the command line without the program's name.
        stop: what left the verb.
        debug: print a traceback.
    """
    verb = next((argument for argument in arguments if not argument.startswith("-")), "")
    if verb in BEGUN_ANEW:
        tell(f"idm {verb}: stopped before its end, of which nothing is kept; run the same command to begin anew")
    if verb not in CONTINUED_VERBS:
        return 128 + (stop.number or signal.SIGTERM)
    error = InterruptedRunError(f"idm {verb}: stopped, with nothing new to save; run the same command to continue")
    return report(error, debug=debug)


def lost(error: OSError) -> int:
    """Return the exit code of a verb that did all, but not all that it printed was written.

    Whoever closed a pipe or a terminal wanted no more of it.
    """
    if error.errno in GONE:
        return 0
    reason = error.strerror or error
    return report(CheckpointError(f"disk: cannot write to standard output ({reason}); all else is done"), debug=False)


def report(error: IdmError, *, debug: bool) -> int:
    """Print an error, and return the exit code.

    Where ``torchrun`` starts failed processes again, one that was asked to stop ends as if all were done. What all
    processes have to say is said by the first; when that has ended, the others are ended before they speak.
    """
    is_stop, is_first = isinstance(error, InterruptedRunError), _is_first()
    if not is_first and not is_stop:
        time.sleep(SECONDS_FOR_THE_FIRST)
        if stop_requested():  # the first has spoken and ended, and the others are ended with it
            return error.exit_code
    if debug:
        print_traceback(error)
    for line in () if is_stop and not is_first else error.lines:
        tell(f"error[{error.code}]: {line}")
    return 0 if is_stop and restarts_itself() else error.exit_code


def _is_first() -> bool:
    """Whether this is the first process of a job, or one whose environment does not tell."""
    try:
        return rank() == 0
    except SettingsError:
        return True


def print_traceback(error: Exception) -> None:
    """Print where an error came from."""
    for line in "".join(traceback.format_exception(error)).split("\n"):
        tell_as_it_is(line)
