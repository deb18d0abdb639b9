"""Stopping on request: the first signal lets the running step finish, the second ends the process.

The second meets the handlers from before, so that it works even where Python does not get to run: a shell sees
128 + its number.
"""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


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

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        request.received = True
        restore()

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        restore()
