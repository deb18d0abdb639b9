"""The judge of fuzzed inputs sees every kind of failure, and goes on after it."""

import os
import signal
import sys
import time

import pytest

from . import harness


def say(line, code):
    print(line, file=sys.stderr)
    return code


def work_without_end():
    while True:
        pass


FINE = {
    "done": lambda: 0,
    "refused": lambda: say("error[E200]: a number wanted", 2),
    "done with a warning": lambda: say("warning: slow", 0),
}
WRONG = {
    "a traceback": lambda: 1 / 0,
    "a code that is not documented": lambda: say("error[E700]: internal error", 70),
    "a code without a line": lambda: 2,
    "a line without a code": lambda: say("error[E200]: a number wanted", 0),
    "an odd line": lambda: say("hello", 0),
    "too much memory": lambda: len(bytes(2 * harness.MORE_MEMORY_BYTES)),
    "a dead process": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "work without end": work_without_end,
    "a wait without end": lambda: time.sleep(60),
}


@pytest.mark.parametrize("kind", [*FINE, *WRONG])
def test_what_is_wrong_is_told_by_its_number(tmp_path, monkeypatch, kind):
    for clock, seconds in ((signal.ITIMER_PROF, 0.2), (signal.ITIMER_REAL, 1.0)):
        monkeypatch.setitem(harness.CLOCKS, clock, seconds)
    inputs = [lambda: 0, (FINE | WRONG)[kind], lambda: 0]
    outcome = harness.fuzz("kind", lambda rng, place: inputs[int(place.name[-1])], range(3), tmp_path)
    assert outcome.total == 3
    assert [failure.partition(":")[0] for failure in outcome.failures] == (["kind 1"] if kind in WRONG else [])
