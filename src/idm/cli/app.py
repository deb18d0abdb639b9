"""The program ``idm``: its verbs, and what becomes of errors.

A verb is a function whose parameters are its arguments and options; a new one is one file and one line in
``VERBS``. Its file imports what needs torch inside of the function, so that help and completion answer at once.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer

from idm.cli import completion
from idm.cli.bench import bench
from idm.cli.calibrate import calibrate
from idm.cli.check_data import check_data
from idm.cli.check_math import check_math
from idm.cli.compare import compare
from idm.cli.config import config
from idm.cli.decode import decode
from idm.cli.demo import demo
from idm.cli.edit import edit
from idm.cli.ema import ema
from idm.cli.encode import encode
from idm.cli.endings import print_traceback, report, stopped
from idm.cli.evaluate import evaluate
from idm.cli.fit_solver import fit_solver
from idm.cli.flags import CommandLine
from idm.cli.groups import ungrouped
from idm.cli.import_ import import_
from idm.cli.info import info
from idm.cli.interpolate import interpolate
from idm.cli.report import report as report_verb
from idm.cli.restore import restore
from idm.cli.sample import sample
from idm.cli.startup import with_torch
from idm.cli.tradeoff import tradeoff
from idm.cli.train import train
from idm.cli.train_classifier import train_classifier
from idm.cli.verify import verify
from idm.cli.watch import watch
from idm.core.allocator import keep_freed_memory
from idm.core.errors import (
    CheckpointError,
    IdmError,
    ProcessError,
    SettingsError,
    UnknownNameError,
)
from idm.core.launch import num_processes
from idm.core.phrasing import phrased_by
from idm.core.signals import StopError, at_once
from idm.core.text import nearest

VERBS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "train": train,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "calibrate": calibrate,
    "tradeoff": tradeoff,
    "report": report_verb,
    "encode": encode,
    "decode": decode,
    "interpolate": interpolate,
    "edit": edit,
    "restore": restore,
    "fit-solver": fit_solver,
    "train-classifier": train_classifier,
    "ema": ema,
    "import": import_,
    "info": info,
    "verify": verify,
    "watch": watch,
    "config": config,
    "check-data": check_data,
    "check-math": check_math,
    "bench": bench,
}

SHARED_VERBS = ("train", "sample", "evaluate")
"""What several processes do together."""

LIGHT_VERBS = ("config", "watch")
"""What needs no torch, or not always."""

INTERNAL_ERROR = 70
UsageError: Any = typer.BadParameter.__base__
"""What typer raises for wrong options and arguments."""


def _root(
    version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", metavar="", help="Print a traceback with every error; also after the verb."),
    ] = False,
) -> None:
    """Gaussian diffusion models on your own data: train, sample in few steps, score likelihoods, restore and edit.

    Start with 'idm demo --out runs/demo', or with 'idm train --data PATH --out RUN' on your own images or arrays.
    """
    if version:
        from idm import __version__

        print(f"idm {__version__}")
        raise typer.Exit


def make_app(verbs: Mapping[str, Callable[..., None]] = VERBS) -> typer.Typer:
    """Build the program."""
    app = typer.Typer(name="idm", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_root)
    for name, verb in verbs.items():
        needs_arguments = name not in ("config", "demo", "check-math", "bench")
        command = app.command(name, help=_help_of(verb), no_args_is_help=needs_arguments)
        command(ungrouped(verb if name in LIGHT_VERBS else with_torch(verb)))
    return app


@functools.cache
def _program_of(*verbs: tuple[str, Callable[..., None]]) -> Any:
    """Put the program together, once however often a process runs it."""
    return typer.main.get_command(make_app(dict(verbs)))


def _help_of(verb: Callable[..., None]) -> str:
    """Return what a verb's docstring says, a paragraph in a line each: terminals have widths of their own."""
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(verb) or "").split("\n\n"))


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code.

    0 done, 2 usage or settings, 3 data, 4 run or disk, 5 numerical failure, 6 dead process or out of
    memory, 75 stopped on request, 70 internal error.

    Args:
        arguments: the command line without the program's name.
    """
    debug = "--debug" in arguments
    given = [argument for argument in arguments if argument != "--debug"]
    keep_freed_memory()
    with phrased_by(CommandLine()):
        return _run(given, debug=debug)


def _run(given: Sequence[str], *, debug: bool) -> int:
    """Run a verb, and say what became of it."""
    try:
        with at_once():
            code = _invoke(given)
    except StopError as stop:
        code = stopped(given, stop, debug=debug)
    except IdmError as error:
        code = report(error, debug=debug)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        code = report(CheckpointError(f"disk: cannot read or write {what}"), debug=debug)
    except KeyboardInterrupt:
        code = 130
    except (RuntimeError, MemoryError) as error:
        code = _out_of_memory(error, debug=debug)
    except Exception as error:
        code = _internal(error)
    return code


def _out_of_memory(error: RuntimeError | MemoryError, *, debug: bool) -> int:
    """Report memory that is short, on which settings may have an influence; any other error is one of the program."""
    from idm.training.memory import is_out_of_memory

    if isinstance(error, RuntimeError) and not is_out_of_memory(error):
        return _internal(error)
    return report(ProcessError("memory: not enough for what was asked; choose a smaller network or batch"), debug=debug)


def _internal(error: Exception) -> int:
    print_traceback(error)
    print(f"error[E700]: internal error, please report it: {type(error).__name__}", file=sys.stderr)
    return INTERNAL_ERROR


def _invoke(arguments: Sequence[str]) -> int:
    if arguments and not arguments[0].startswith("-") and arguments[0] not in VERBS:
        near = nearest(arguments[0], VERBS, cutoff=0.5)
        hint = f"did you mean '{near}'?" if near else f"choose from {', '.join(VERBS)}"
        raise UnknownNameError(f"idm: unknown command '{arguments[0]}'; {hint}")
    if num_processes() > 1 and arguments and arguments[0] in VERBS.keys() - set(SHARED_VERBS):
        shared = ", ".join(SHARED_VERBS)
        raise SettingsError(f"idm {arguments[0]}: one process wanted, got {num_processes()}; torchrun is for {shared}")
    _refuse_empty(arguments)
    try:
        result = _program_of(*VERBS.items()).main(list(arguments), prog_name="idm", standalone_mode=False)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return SettingsError.exit_code
        raise SettingsError(_usage_line(error)) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as stop:  # typer's own answer to a broken pipe, which is none of standard output
        raise ProcessError(f"idm {arguments[0]}: a process that it needs is gone; run the command again") from stop
    return result if isinstance(result, int) else 0


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse empty values, which a script gives for a variable that is not set: as a path they would be this folder.

    Raises:
        SettingsError: there is one.
    """
    for before, argument in pairwise(arguments):
        name, value = argument.split("=", 1) if argument.startswith("--") and "=" in argument else (before, argument)
        if not value:
            what = name if name.startswith("-") else "an argument"
            raise SettingsError(
                f"idm {arguments[0]}: a value wanted for {what}, got an empty text; give one or leave it out"
            )


def _usage_line(error: Any) -> str:
    """Put typer's complaint, which may have several lines, into one."""
    text = " ".join(error.format_message().split()).rstrip(".").replace("(Possible options: ", "(did you mean ")
    where = error.ctx.command_path if error.ctx else "idm"
    takes_settings = error.ctx and any("--set" in one.opts for one in error.ctx.command.params)
    called = completion.settings_called(getattr(error, "option_name", "")) if takes_settings else []
    told = f"; --set knows {', '.join(f'{path}=…' for path in called)}" if called else ""
    return f"{where}: {text[:1].lower()}{text[1:]}{told}; see '{where} --help'"
