"""Runs many inputs in forked children, each input with a clock and a limit of memory, and judges what becomes of them.

An input fails if it raises, hangs, kills its process, exits with a code that docs/errors.md does not list, or writes
a line to standard error that is neither an error, nor a warning, nor progress.
"""

import faulthandler
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jaxtyping
import torch

CPU_SECONDS = 5.0
"""Of processor time, which a busy machine does not lengthen."""

LONGEST_WAIT_SECONDS = 60.0
"""Seconds of the clock, for what hangs without working."""

MORE_MEMORY_BYTES = 2**30
BATCH = 100
NOT_MADE = 99
CODES = {0, 2, 3, 4, 5, 6, 75}
"""Exit codes of docs/errors.md without those of internal errors and of signals."""

LINE = re.compile(
    r"error\[E\d{3}\]: .*|warning: .*|training .*: drawing samples"
    r"|[^:]+: [\d,]+/[\d,]+ \w+, (?:[\d.,]+/s|[\d.,]+ s/\w+), [\d:]+ left.*"
)
OF_LIBTIFF = re.compile(r"(TIFF[A-Z]\w+|MissingRequired|[A-Z]+\w*Decode): .*")
"""What libtiff writes to the stream itself as it decodes a damaged file for Pillow, which cannot quieten it."""

CLOCKS = {signal.ITIMER_PROF: CPU_SECONDS, signal.ITIMER_REAL: LONGEST_WAIT_SECONDS}

Run = Callable[[], int]
"""Works on an input and returns an exit code."""
Make = Callable[[random.Random, Path], Run]
"""Given random numbers and an empty folder: an input, ready to run there."""


@dataclass
class Outcome:
    """What became of inputs: how often which exit code, what failed and why, and the most memory in bytes."""

    codes: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0

    @property
    def total(self) -> int:
        return sum(self.codes.values())


def fuzz(name: str, make: Make, numbers: Sequence[int], folder: Path) -> Outcome:
    """Try the inputs of those numbers; an input is a function of its kind and number."""
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports for seconds: once here, not in every child
    outcome, waiting = Outcome(), list(numbers)
    while waiting:
        batch = waiting[:BATCH]
        records, code = _in_a_child(name, make, batch, folder)
        for record in records:
            outcome.codes[record["code"]] += 1
            outcome.slowest = max(outcome.slowest, record["seconds"])
            outcome.memory = max(outcome.memory, record["memory"])
            if record["problem"]:
                outcome.failures.append(f"{name} {record['number']}: {record['problem']}")
        waiting = waiting[len(records) :]
        if len(records) < len(batch):
            outcome.codes[code] += 1
            outcome.failures.append(
                f"{name} {waiting.pop(0)}: the process ended with {code}\n{_text(folder / 'trace')}"
            )
    return outcome


def _in_a_child(name: str, make: Make, numbers: Sequence[int], folder: Path) -> tuple[list[dict], int]:
    written = folder / "records"
    written.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            _work(name, make, numbers, folder, written)
        except BaseException:
            (folder / "trace").write_text(traceback.format_exc())
            os._exit(NOT_MADE)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return [json.loads(line) for line in _text(written).splitlines()], code


def _work(name: str, make: Make, numbers: Sequence[int], folder: Path, written: Path) -> None:
    torch.set_num_threads(1)
    jaxtyping.config.update("jaxtyping_disable", True)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (space + MORE_MEMORY_BYTES, resource.RLIM_INFINITY))
    warnings.resetwarnings()
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    warnings.simplefilter("ignore", ImportWarning)
    warnings.simplefilter("ignore", ResourceWarning)
    warnings.filterwarnings("ignore", module="PIL")
    out, err = (_take_over(number, folder / stream) for number, stream in ((1, "out"), (2, "err")))
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    with (folder / "trace").open("w") as trace, written.open("w") as records:
        for number in (signal.SIGPROF, signal.SIGALRM):
            faulthandler.register(number, file=trace, chain=True)
        for number in numbers:
            place = folder / f"{name}-{number}"
            place.mkdir()
            os.chdir(place)
            run = make(random.Random(f"{name} {number}"), place)
            for stream in (out, err, trace):
                stream.seek(0)
                stream.truncate()
            for timer, limit in CLOCKS.items():
                signal.setitimer(timer, limit)
            code, problem = _judged(run)
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            remaining, _ = signal.setitimer(signal.ITIMER_PROF, 0.0)
            sys.stdout.flush()
            sys.stderr.flush()
            problem = problem or _complaint(code, _text(folder / "out"), _text(folder / "err"))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            record = {"number": number, "code": code, "problem": problem, "seconds": CPU_SECONDS - remaining}
            records.write(json.dumps(record | {"memory": memory}) + "\n")
            records.flush()
            os.chdir(folder)
            shutil.rmtree(place, ignore_errors=True)


def _judged(run: Run) -> tuple[int, str]:
    try:
        return run(), ""
    except BaseException:
        return 70, traceback.format_exc()


def _complaint(code: int, out: str, err: str) -> str:
    """Say what is wrong with an exit code and with what was written; empty if nothing is."""
    odd = [line for line in err.splitlines() if not (LINE.fullmatch(line) or OF_LIBTIFF.fullmatch(line))]
    if code not in CODES:
        return f"exit code {code}\n{err}"
    if odd:
        return f"odd lines on standard error\n{err}"
    helped = code == 2 and "Usage:" in out  # a verb without arguments
    told = "error[" in err or "Training would refuse" in out or helped  # idm check-data says that as its result
    if (code != 0) != told:
        return f"exit code {code} with\n{err}"
    return ""


def _take_over(number: int, path: Path):
    stream = path.open("w")
    os.dup2(stream.fileno(), number)
    os.set_inheritable(number, True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    appending = os.open(path, flags)
    os.dup2(appending, number)
    os.close(appending)
    return stream


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
