"""Stopping on request: by a signal, or by the clock.

The first signal is a request, and another one, a second later or more, ends the process. What becomes of a request is
said where the work is done. Work that must come to a good end (``stop_on_signals``) looks whether there is one, and
stops at a moment of its choice. Work of which nothing is lost (``at_once``: drawing, measuring, reading, importing) is
left by a ``StopError`` that the handler of the signal raises: as with ``KeyboardInterrupt``, no loop has to ask.

One request often arrives twice: a terminal sends Ctrl-C to ``torchrun`` and to its processes, and ``torchrun`` passes
its own on. So signals within a second count as one. A later one meets the handlers from before: a shell sees 128 + its
number. Where Python does not get to run, as in a transfer that waits for a dead process, a thread ends the process with
that number. A signal that was ignored when the program started (``nohup``, or a job in a shell's background) stays
ignored.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

from idm.core.errors import SettingsError
from idm.core.launch import rank
from idm.core.progress import tell

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
NUDGE = signal.SIGURG
"""Signal that wakes the main thread: without a handler the system ignores it."""

SAME_REQUEST_SECONDS = 1.0
"""Longest time between two signals that are one request."""

NOTHING = b"\0"
"""Byte in place of the number of a signal: there was none."""

SECONDS_BETWEEN_LOOKS, SECONDS_UNTIL_TOLD = 0.2, 0.1
SECONDS_BETWEEN_ERRORS = 2.0
"""Time after which an error that some library swallowed is raised again."""


class StopError(BaseException):
    """Leaves work that is stopped; not an ``Exception``, since that is caught wherever anything may go wrong."""

    def __init__(self, number: int) -> None:
        """Hold the number of the signal; 0: the time was over."""
        super().__init__(number)
        self.number = number


def _never() -> bool:
    return False


class StopRequest:
    """Whether somebody, or the clock, asked to stop.

    Attributes:
        number: number of the first signal; 0: there was none.
        is_over: set where nothing is left to be stopped.
    """

    def __init__(self, passed: Callable[[], bool] = _never) -> None:
        """Start without a request; ``passed`` tells whether the time is over."""
        self.number, self.is_over = 0, threading.Event()
        self._passed, self._finishing = passed, ""
        self._first = self._raised = 0.0
        self._at_once = self._answered = False
        self._handlers: dict[signal.Signals, Any] = {}

    @property
    def received(self) -> bool:
        """Whether to stop."""
        return self.number > 0 or self._passed()

    @contextmanager
    def work(self, finishing: str, passed: Callable[[], bool] | None = None) -> Generator[None]:
        """Do work that says what it finishes first, or is left by a ``StopError`` where ``finishing`` is empty."""
        before = self._at_once, self._finishing, self._passed
        try:
            self._passed = passed or self._passed
            self._begin(at_once=not finishing, finishing=finishing)
            yield
        except BaseException:  # on its way out it answers a request, and is not to be replaced by another
            self._answered = self._answered or self.received
            raise
        finally:
            self._at_once, self._finishing, self._passed = before
        self._begin(at_once=self._at_once, finishing=self._finishing)

    def _begin(self, *, at_once: bool, finishing: str) -> None:
        if at_once and self.received:
            raise StopError(self.number)
        self._at_once, self._finishing = at_once, finishing

    @contextmanager
    def hearing(self) -> Generator[None]:
        """Handle signals, but for those that are ignored; in the main thread."""
        handlers = {number: signal.getsignal(number) for number in (*SIGNALS, NUDGE)}
        self._handlers = {n: h for n, h in handlers.items() if n == NUDGE or h is not signal.SIG_IGN}
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        thread = threading.Thread(target=self._watch, args=(reading,), daemon=True)
        thread.start()
        for number in self._handlers:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            self._let_go()
            self.is_over.set()
            signal.set_wakeup_fd(before)
            os.close(writing)
            thread.join()
            os.close(reading)

    def _let_go(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number != NUDGE and self.number:
            if time.monotonic() - self._first >= SAME_REQUEST_SECONDS:
                self._let_go()
                signal.raise_signal(number)
            return
        if number != NUDGE:
            self.number, self._first = number, time.monotonic()
        if self._is_unheard:
            self._raised = time.monotonic()
            raise StopError(self.number)

    @property
    def _is_unheard(self) -> bool:
        lately = self._raised > 0 and time.monotonic() - self._raised < SECONDS_BETWEEN_ERRORS
        return self._at_once and not self._answered and not lately and self.received

    def _watch(self, reading: int) -> None:
        """Tell of a request, wake the main thread, and end a process in which a later signal is not handled."""
        first, told, main = 0.0, False, threading.main_thread().ident or 0
        while True:
            ready, _, _ = select.select([reading], [], [], SECONDS_BETWEEN_LOOKS)
            arrived = (
                os.read(reading, 1) if ready else NOTHING
            )  # the number of a signal, written even while Python waits
            if not arrived:
                return
            if arrived[0] in SIGNALS and first and time.monotonic() - first >= SAME_REQUEST_SECONDS:
                if not self.is_over.wait(SAME_REQUEST_SECONDS):
                    os._exit(128 + arrived[0])
            elif arrived[0] in SIGNALS:
                first = first or time.monotonic()
            if not told and (first or self._passed()) and not self.is_over.wait(SECONDS_UNTIL_TOLD):
                told = True
                _tell("stopping" if first else "the time is over", self._finishing)
            if self._is_unheard:
                signal.pthread_kill(main, NUDGE)


_request: StopRequest | None = None
"""What the main thread's work is stopped by."""


@contextmanager
def stop_on_signals(
    finishing: str = "finishing what was begun", passed: Callable[[], bool] | None = None
) -> Generator[StopRequest]:
    """Turn the first signal into a request to look at; the handlers from before are restored afterwards.

    Within other such work the request is the same. Leaving it with a request that nothing was made of raises
    ``StopError`` where the work around it is done ``at_once``. Other threads than the main one get no signals.

    Args:
        finishing: what is waited for after a request, to be told.
        passed: whether the time is over, which is a request as well; that of the work around it by default.
    """
    global _request
    if threading.current_thread() is not threading.main_thread():
        yield StopRequest(passed or _never)
    elif _request is not None:
        with _request.work(finishing, passed):
            yield _request
    else:
        _request = StopRequest()
        try:
            with _request.hearing(), _request.work(finishing, passed):
                yield _request
        finally:
            _request = None


def at_once() -> AbstractContextManager[None]:
    """Do work of which nothing is lost: a request to stop leaves it by a ``StopError``, wherever it is.

    Raises:
        StopError: there is a request, from before or meanwhile; none comes outside of ``stop_on_signals``.
    """
    in_main = threading.current_thread() is threading.main_thread()
    return _request.work("") if _request is not None and in_main else nullcontext()


def stop_requested() -> bool:
    """Whether the work at hand is asked to stop."""
    return _request is not None and _request.received


def _tell(what: str, finishing: str) -> None:
    with suppress(SettingsError):  # of an environment that tells nonsense; the program itself says so
        if rank() > 0:
            return
    tell(f"{what}: {finishing or 'leaving what is running'}; another signal ends the process at once")
