"""What was found, as values, as JSON and as a table."""

import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from idm.bench.check import Check
from idm.bench.harness import Comparison


@dataclass(frozen=True)
class Work:
    """What a contestant does in one call.

    Attributes:
        name: the workload.
        network: the configuration.
        batch: images at once.
        images: finished images per call; a few steps of a long chain make fractions of them.
        flops: operations per call.
    """

    name: str
    network: str
    batch: int
    images: float
    flops: float

    def __str__(self) -> str:
        return f"{self.network}, {self.name}, batch {self.batch}"


@dataclass(frozen=True)
class Speed:
    """A contestant's time; ``comparison.ratio`` is its speed as a multiple of the first row's of the same work."""

    work: Work
    comparison: Comparison

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.work.flops / self.comparison.seconds

    def line(self, peak: float) -> str:
        """Write a row of the table; ``peak`` is the card's, in operations per second."""
        row, share = self.comparison, f"{self.rate / peak:6.1%}" if peak else "     -"
        return (
            f"  {row.name:<34s} {1e3 * row.seconds:9.1f} ms {self.work.images / row.seconds:10,.1f} images/s "
            f"{self.rate / 1e12:7.1f} TFLOP/s {share}  {row.ratio:5.2f}x ({row.low:.2f} to {row.high:.2f})"
        )


@dataclass(frozen=True)
class Memory:
    """The most memory that was in use at once."""

    name: str
    network: str
    batch: int
    gib: float

    def __str__(self) -> str:
        return f"{self.network + ', ' + self.name:<52s} batch {self.batch:4d} {self.gib:8.2f} GiB"


@dataclass
class Report:
    """Everything that was found so far; ``limits`` are the card's own, per second."""

    machine: dict[str, str]
    limits: dict[str, float] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def peak(self) -> float:
        """Operations per second of the best matrix product; 0 before it was measured."""
        return self.limits.get("matrix product, bfloat16, FLOP/s", 0.0)

    def note(self, text: str) -> None:
        """Keep a line for the end, and show it now."""
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def check(self, name: str, value: float, limit: float) -> None:
        """Keep a check, and show it now."""
        self.checks.append(Check(name, value, limit))
        print(f"  {_in_words(self.checks[-1])}", flush=True)

    def print_table(self) -> None:
        """Print everything."""
        print("\n" + "=" * 118)
        print(", ".join(f"{name} {value}" for name, value in self.machine.items()))
        for name, value in self.limits.items():
            print(f"{name}: {value / 1e12:.3g} T")
        _print_list("Agreement", [_in_words(check) for check in self.checks])
        _print_list("Peak memory", self.memory)
        _print_list("Left out", self.notes)
        for work in dict.fromkeys(speed.work for speed in self.speeds):
            print(f"\n{work} (share of the matrix product's peak; speed as a multiple of the first row's, quartiles)")
            for speed in self.speeds:
                if speed.work == work:
                    print(speed.line(self.peak))

    def save(self, path: Path) -> None:
        """Write JSON."""
        plain: dict[str, Any] = asdict(self) | {"peak": self.peak, "platform": platform.platform()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _in_words(check: Check) -> str:
    return f"{check}: {'ok' if check.passed else 'MISSED'}"


def _print_list(title: str, lines: list[Any]) -> None:
    if lines:
        print(f"\n{title}")
    for line in lines:
        print(f"  {line}")
