"""Side-by-side timing: contestants take turns in one process, and only ratios within a round are compared.

Absolute times drift on shared machines; a ratio of two calls made within the same second hardly does. A sample during
which other processes were busy is taken again.
"""

import gc
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

Contestant = Callable[[], object]
Tick = Callable[[], None]
TRIES = 4
SHORTEST_SECONDS, MOST_CALLS = 0.25, 5_000
"""Seconds that a sample lasts at least, by repeated calls, but no more calls than that: others cannot hide in it, and
clocks tell it apart from nothing."""
BUSY_SHARE = 0.08
"""Largest share of all processors' time that others may take during a sample."""
LEAST_BUSY_SECONDS = 0.02
"""Seconds that others may take in any case: the kernel counts in hundredths."""


@dataclass(frozen=True)
class Comparison:
    """A contestant's times, and the paired ratios of another's times to them; above 1 this one is the faster.

    Attributes:
        name: the contestant.
        seconds: its median time.
        ratio: median of the paired ratios.
        low: their lower quartile.
        high: their upper quartile.
        least: the smallest of them.
        greatest: the largest of them.
        disturbed: samples that were kept although others were busy.
        times: its time in each round, in seconds.
    """

    name: str
    seconds: float
    ratio: float
    low: float
    high: float
    least: float
    greatest: float
    disturbed: int
    times: tuple[float, ...]

    @classmethod
    def of(cls, name: str, times: tuple[float, ...], base: tuple[float, ...], disturbed: int = 0) -> "Comparison":
        """Pair times with those that another contestant took in the same rounds."""
        ratios = [other / own for other, own in zip(base, times, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(name, statistics.median(times), middle, low, high, min(ratios), max(ratios), disturbed, times)

    def against(self, base: "Comparison") -> "Comparison":
        """The same times, paired with another row of the same rounds."""
        return Comparison.of(self.name, self.times, base.times, self.disturbed)


def busy_seconds() -> float:
    """Processor time spent by all processes since the start of the machine; 0 where the kernel does not tell."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system = (int(field) for field in fields[:3])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Processor time spent by this process and by its children that have ended."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


@dataclass(frozen=True)
class Clock:
    """What is read before and after a call, each in seconds.

    Attributes:
        wall: time of day, or of any other origin.
        own: processor time of this process and its children.
        busy: processor time of all processes.
        processors: how many there are.
    """

    wall: Callable[[], float] = time.perf_counter
    own: Callable[[], float] = own_seconds
    busy: Callable[[], float] = busy_seconds
    processors: int = os.cpu_count() or 1

    def sample(self, contestant: Contestant, calls: int = 1) -> tuple[float, bool]:
        """Time a call, as the mean of several, and say whether other processes left them alone."""
        busy, own, start = self.busy(), self.own(), self.wall()
        for _ in range(calls):
            contestant()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        elapsed = self.wall() - start
        others = (self.busy() - busy) - (self.own() - own)
        return elapsed / calls, others <= max(LEAST_BUSY_SECONDS, BUSY_SHARE * elapsed * self.processors)


def compare(
    contestants: Mapping[str, Contestant],
    *,
    rounds: int = 7,
    warmup: int = 2,
    clock: Clock | None = None,
    tick: Tick | None = None,
) -> list[Comparison]:
    """Time contestants in interleaved rounds whose order rotates.

    Args:
        contestants: what to call, by name; the first is what the others are compared with.
        rounds: times that each is timed; at least two.
        warmup: calls of each before the first round, which also tell how many of its calls make a sample; without them
            it is one.
        clock: where times are read; the machine's by default.
        tick: called after each call of a contestant, for progress.

    Returns:
        One row per contestant, in their order; times are of one call each.
    """
    names, clock, tick = list(contestants), clock or Clock(), tick or _nothing
    calls = {name: _warmed_up(contestants[name], warmup, clock, tick) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    disturbed = dict.fromkeys(names, 0)
    for i in range(rounds):
        gc.collect()
        for name in names[i % len(names) :] + names[: i % len(names)]:
            seconds, clean = undisturbed(contestants[name], clock, calls[name])
            times[name].append(seconds)
            disturbed[name] += not clean
            tick()
    base = tuple(times[names[0]])
    return [Comparison.of(name, tuple(times[name]), base, disturbed[name]) for name in names]


def _warmed_up(contestant: Contestant, warmup: int, clock: Clock, tick: Tick) -> int:
    """Call a contestant to warm up, and return how many of its calls make a sample."""
    shortest = math.inf
    for _ in range(warmup):
        shortest = min(shortest, clock.sample(contestant)[0])
        tick()
    return max(1, min(MOST_CALLS, math.ceil(SHORTEST_SECONDS / max(shortest, 1e-9))))


def undisturbed(contestant: Contestant, clock: Clock, calls: int = 1) -> tuple[float, bool]:
    """Time a call, again while others are busy; after ``TRIES`` of them the shortest time is kept, as disturbed."""
    best = float("inf")
    for _ in range(TRIES):
        elapsed, clean = clock.sample(contestant, calls)
        if clean:
            return elapsed, True
        best = min(best, elapsed)
    return best, False


def _nothing() -> None:
    """Show no progress."""
