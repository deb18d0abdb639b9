"""How far a piece of work has got: what listeners hear."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """How far a piece of work has got.

    Attributes:
        what: what is being done, one or two words.
        unit: what is counted, plural.
        done: units done, with those of an earlier call that this one continues.
        total: units when it is finished.
        rate: units per second in the last seconds of this call; 0 where it is not known yet.
        seconds_left: until it is finished, at that rate; 0 where that is not known.
        status: a few words besides, such as the loss.
    """

    what: str
    unit: str
    done: int
    total: int
    rate: float
    seconds_left: float
    status: str = ""

    @property
    def speed(self) -> str:
        """Units per second in words; where less than one is done in a second, seconds per unit."""
        rate = self.rate
        return f"{rate:,.1f}/s" if rate >= 1 or rate <= 0 else f"{1 / rate:,.1f} s/{self.unit.removesuffix('s')}"

    @property
    def time_left(self) -> str:
        """``seconds_left`` as minutes and seconds, or with hours."""
        minutes, rest = divmod(round(self.seconds_left), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

    def __str__(self) -> str:
        """All of it in a line."""
        count = f"{self.done:,}/{self.total:,} {self.unit}"
        return f"{self.what}: {count}, {self.speed}, {self.time_left} left  {self.status}".rstrip()
