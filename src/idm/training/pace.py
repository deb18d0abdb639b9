"""What is done beside training takes a small share of the time."""

import time
from collections.abc import Generator
from contextlib import contextmanager

LARGEST_SHARE = 0.05
"""Largest share of the time of training that is spent on what is not: pictures and measures."""

SECONDS_FOR_FREE = 5.0
"""Seconds that are spent whatever the share: short runs are shown too."""


class Pace:
    """Allows something as often as it takes a small share of the time spent on all else."""

    def __init__(self) -> None:
        """Start to measure time."""
        self._start = time.monotonic()
        self._spent = self._last = 0.0

    @property
    def last(self) -> float:
        """Seconds that it took the last time; 0.0 before the first."""
        return self._last

    def allows(self) -> bool:
        """Whether it may be done now, if it takes as long as the last time."""
        other = time.monotonic() - self._start - self._spent
        return self._spent + self._last <= SECONDS_FOR_FREE + LARGEST_SHARE * other

    @contextmanager
    def measured(self) -> Generator[None]:
        """Do it; what ends in an error is not counted."""
        start = time.monotonic()
        yield
        self._last = time.monotonic() - start
        self._spent += self._last
