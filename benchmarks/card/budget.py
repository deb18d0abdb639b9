"""Time that may be spent: a whole, and parts of it that end by an alarm."""

import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

AT_ONCE_SECONDS = 1e-3
"""Seconds until the alarm where no time is left: 0 would switch it off."""
AGAIN_SECONDS = 5.0
"""Seconds after which the alarm rings again, should the first have fallen where exceptions are dropped."""


class OutOfTime(BaseException):
    """The time for this is up. No Exception, because torch.compile turns those into others."""


@dataclass(frozen=True)
class Budget:
    """A span of time in seconds, from now on."""

    seconds: float
    start: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.seconds - self.spent

    @contextmanager
    def limit(self, seconds: float) -> Generator[None]:
        """Raise OutOfTime within the block after ``seconds``, or at the end of the whole if that comes first."""
        allowed, began = max(min(seconds, self.left), AT_ONCE_SECONDS), time.monotonic()
        handler = signal.signal(signal.SIGALRM, _ring)
        outer, _ = signal.setitimer(signal.ITIMER_REAL, allowed, AGAIN_SECONDS)
        try:
            yield
        finally:
            rest = max(outer - (time.monotonic() - began), 1e-3) if outer else 0.0
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if rest:
                signal.setitimer(signal.ITIMER_REAL, rest, AGAIN_SECONDS)


def _ring(number: int, frame: FrameType | None) -> None:
    raise OutOfTime
