"""Files that are made to harm whoever opens them: what is promised of them, and what it is measured with."""

import signal
import time
from pathlib import Path

import pytest

PROMISE = "hostile files: refused within 1 s and 100 MB, nothing run"
CPU_SECONDS, MEGABYTES = 1.0, 100
LONGEST_WAIT_SECONDS = 20.0
"""Seconds of the clock after which a test gives up."""


class Canary:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def cheap(work, usual=lambda result: 0.0):
    """Do work, in less than a second of processor time and 100 MB more memory at its peak, and without a long wait.

    Seconds that the same work takes on a sound file, ``usual`` of its result, are not the fault of what is odd in it.
    """
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = resident("VmRSS"), time.process_time()
    waiting = signal.signal(signal.SIGALRM, lambda number, frame: pytest.fail("it waits without end"))
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT_SECONDS)
    result = None
    try:
        result = work()
    finally:  # a refusal that is raised costs as little as one that is returned
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, waiting)
        taken = time.process_time() - start - (0.0 if result is None else usual(result))
        assert taken < CPU_SECONDS or taken < CPU_SECONDS * slowness()
        assert resident("VmHWM") - before < MEGABYTES
    return result


def slowness():
    """How many times as long this machine takes now as at its best, when less ran on its cores; 3 at the most."""
    return min(3.0, max(1.0, min(_seconds_of_a_loop() for _ in range(3)) / AT_BEST))


def _seconds_of_a_loop():
    start = time.process_time()
    sum(number * number for number in range(50_000))
    return time.process_time() - start


AT_BEST = min(_seconds_of_a_loop() for _ in range(20))


def resident(what):
    """Memory of this process in MB: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
