"""Errors that a user can cause, each with a code and the exit status of the command line.

A message is one line: what was wanted, what came, what to do. Several wrong values make one error with
several lines. The command line prints ``error[E200]: ...`` for each line and exits with ``exit_code``;
docs/errors.md lists the codes.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from idm.core.text import nearest, printable


class IdmError(Exception):
    """Base of every error that is the input's fault, not the program's."""

    code: ClassVar[str] = "E100"
    exit_code: ClassVar[int] = 70

    def __init__(self, *lines: str) -> None:
        """Hold one line per wrong value; line breaks and the like, which names may hold, are written out."""
        self.lines = tuple(map(printable, lines))
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the lines apart on the way from one process to another."""
        return type(self), self.lines


class SettingsError(IdmError, ValueError):
    """A setting or argument has a wrong value."""

    code = "E200"
    exit_code = 2


class UnknownNameError(SettingsError):
    """A name (of a setting, sampler, schedule, source, ...) does not exist."""

    code = "E201"


class DataError(IdmError, ValueError):
    """The data are missing, empty or of the wrong shape, range or type."""

    code = "E300"
    exit_code = 3


class UnreadableFileError(DataError):
    """One data file cannot be read."""

    code = "E301"


class CheckpointError(IdmError, RuntimeError):
    """A run or checkpoint is missing, damaged or cannot be written."""

    code = "E400"
    exit_code = 4


class ResumeError(CheckpointError):
    """A run was started with other settings than the ones asked for now."""

    code = "E401"


class NumericalError(IdmError, ArithmeticError):
    """A loss or tensor is not finite."""

    code = "E500"
    exit_code = 5


class ProcessError(IdmError, RuntimeError):
    """A process that the job needs is dead or stuck, or memory is short."""

    code = "E600"
    exit_code = 6


class InterruptedRunError(IdmError):
    """The run was stopped on request; its state is saved and the same command continues it."""

    code = "E750"
    exit_code = 75


MOST_UNKNOWN = 20
"""Most unknown names that are told one by one; the others are counted."""

LONGEST_NAME = 100
"""Characters of a name that are told, and looked for among those that are known."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Say that ``name`` is no known ``kind``, and which valid name is nearest."""
    name, names = name[:LONGEST_NAME], sorted(known)
    near = nearest(name, names, cutoff=0.5)
    hint = f"did you mean '{near}'?" if near else f"choose from {', '.join(names)}"
    return UnknownNameError(f"{kind}: unknown name '{name}'; {hint}")


def that_travels(error: IdmError) -> IdmError:
    """Return an error as another process can raise it: of a class of somebody's own what that is made from.

    The constructor of such a class may take something else than lines.
    """
    known = next(cls for cls in type(error).__mro__ if cls.__module__.partition(".")[0] == "idm")
    return error if type(error) is known else known(*error.lines)
