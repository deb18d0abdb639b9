"""Side-by-side timing: contestants take turns in one process, and only ratios within a round are compared.

Absolute times drift on shared machines; a ratio of two calls made within the same second hardly does. A sample during
which other processes were busy is taken again.
"""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

Contestant = Callable[[], object]
TRIES = 4
BUSY_SHARE = 0.08
"""Largest share of all processors' time that others may take during a sample."""


@dataclass(frozen=True)
class Comparison:
    """Paired ratios of the first contestant's time to another's; above 1 the other is faster.

    Attributes:
        name: the other contestant.
        seconds: its median time.
        ratio: median of the paired ratios.
        low: their lower quartile.
        high: their upper quartile.
        disturbed: samples that were kept although others were busy.
    """

    name: str
    seconds: float
    ratio: float
    low: float
    high: float
    disturbed: int


def compare(contestants: Mapping[str, Contestant], *, rounds: int = 7, warmup: int = 2) -> list[Comparison]:
    """Time contestants in interleaved rounds whose order rotates; the first is what the others are compared with."""
    names = list(contestants)
    for name in names:
        for _ in range(warmup):
            contestants[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    disturbed = dict.fromkeys(names, 0)
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            seconds, clean = _sample(contestants[name])
            times[name].append(seconds)
            disturbed[name] += not clean
    return [_comparison(name, times[names[0]], times[name], disturbed[name]) for name in names]


def _comparison(name: str, base: list[float], own: list[float], disturbed: int) -> Comparison:
    ratios = [a / b for a, b in zip(base, own, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Comparison(name, statistics.median(own), middle, low, high, disturbed)


def _sample(contestant: Contestant) -> tuple[float, bool]:
    """Time one call; take it again, a few times, while other processes are busy."""
    gc.collect()
    best = float("inf")
    for _ in range(TRIES):
        before, own_before, start = _busy_seconds(), time.process_time(), time.perf_counter()
        contestant()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        elapsed = time.perf_counter() - start
        others = _busy_seconds() - before - (time.process_time() - own_before)
        if others <= max(0.02, BUSY_SHARE * elapsed * (os.cpu_count() or 1)):
            return elapsed, True
        best = min(best, elapsed)
    return best, False


def _busy_seconds() -> float:
    """Processor time spent by all processes since the start of the machine."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system = (int(field) for field in fields[:3])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, str]:
    """Say what was measured on what."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "processor": processor,
        "threads": str(torch.get_num_threads()),
        "gpu": card,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
