"""Stopping on request: the first signal lets the running step finish, another one, a second later, ends the process.

One request often arrives twice: a terminal sends Ctrl-C to ``torchrun`` and to its processes, and ``torchrun`` passes
its own on. So signals within a second count as one.

A later one meets the handlers from before: a shell sees 128 + its number. Where Python does not get to run, as in a
transfer that waits for a dead process, a thread ends the process with that number.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
SAME_REQUEST = 1.0
"""Signals within so many seconds are one request."""


class StopRequest:
    """Whether somebody asked the run to stop."""

    def __init__(self) -> None:
        """Start without a request."""
        self.received = False


@contextmanager
def stop_on_signals() -> Generator[StopRequest]:
    """Turn the first signal into a request that a loop can look at; restore the handlers afterwards."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.getsignal(number) for number in SIGNALS}
    first, stop_watching = 0.0, _watch_nothing

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first, stop_watching
        if not request.received:
            request.received, first, stop_watching = True, time.monotonic(), _watch()
        elif time.monotonic() - first >= SAME_REQUEST:
            restore()
            signal.raise_signal(number)

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        restore()
        stop_watching()


def _watch() -> Callable[[], None]:
    """Have a thread end the process if a later signal is not handled; return what ends the thread."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before, over = signal.set_wakeup_fd(writing, warn_on_full_buffer=False), threading.Event()
    threading.Thread(target=_end_after_another, args=(reading, time.monotonic(), over), daemon=True).start()

    def stop() -> None:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writing)

    return stop


def _watch_nothing() -> None:
    """Have nothing to end."""


def _end_after_another(reading: int, first: float, over: threading.Event) -> None:
    """Wait for a signal that is another request, and end the process unless that is over soon."""
    with open(reading, "rb", buffering=0) as stream:
        while byte := stream.read(1):  # the number of a signal, written even while Python waits
            another = byte[0] in SIGNALS and time.monotonic() - first >= SAME_REQUEST
            if another and not over.wait(SAME_REQUEST):
                os._exit(128 + byte[0])
