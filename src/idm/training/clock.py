"""Durations as people write them, and a time at which a run stops."""

import math
import re
import time

from idm.core.errors import SettingsError

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as 2h30m, 45m, 1d12h, 90s or 90.

    Raises:
        SettingsError: no duration, or none above 0.
    """
    match = _PARTS.fullmatch(text.strip())
    numbers = [int(part or 0) for part in match.groups()] if match else [0]
    seconds = sum(number * unit for number, unit in zip(numbers, _UNITS.values(), strict=False))
    if not 0 < seconds < math.inf:
        raise SettingsError(f"max_time: a duration such as 2h30m, 45m or 90s wanted, got '{text}'")
    return float(seconds)


class Deadline:
    """A moment, given in seconds from now; None: never."""

    def __init__(self, seconds: float | None) -> None:
        """Start the clock."""
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end
