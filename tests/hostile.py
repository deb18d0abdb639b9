"""Files that are made to harm whoever opens them: what is promised of them, and what it is measured with."""

import signal
import time
from pathlib import Path

import pytest

PROMISE = "hostile files: refused within 1 s and 100 MB, nothing run"
SECONDS, MEGABYTES = 1.0, 100
LONGEST_WAIT = 20.0
"""Seconds of the clock after which a test gives up."""


class Canary:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def cheap(work):
    """Do work, in less than a second of processor time and 100 MB more memory at its peak, and without a long wait."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = resident("VmRSS"), time.process_time()
    waiting = signal.signal(signal.SIGALRM, lambda number, frame: pytest.fail("it waits without end"))
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT)
    try:
        result = work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, waiting)
    assert time.process_time() - start < SECONDS
    assert resident("VmHWM") - before < MEGABYTES
    return result


def resident(what):
    """Memory of this process in MB: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
