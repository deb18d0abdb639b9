"""Where and how things are measured, and what is shared by all sections."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from card.budget import Budget, OutOfTime
from card.report import Report, Speed, Work
from idm.bench.harness import Clock, Contestant, compare

Factory = Callable[[], Contestant]
WARMING_SHARE = 0.75
"""Share of the time of a race in which contestants may be built and compiled; the rest is for running it."""
FEWEST_ROUNDS, MOST_ROUNDS = 3, 9
CARD_CLOCK = Clock(busy=lambda: 0.0)
"""Samples are not taken again because of other processes on the processor: nobody else has the card."""


@dataclass(frozen=True)
class Bench:
    """A device, a budget of time, and the report that is filled.

    Attributes:
        device: what is measured.
        budget: time for everything.
        report: what was found so far.
        compiles: whether torch.compile takes part.
    """

    device: torch.device
    budget: Budget
    report: Report
    compiles: bool

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    @contextmanager
    def trying(self, what: str, seconds: float) -> Generator[None]:
        """Do something for at most so many seconds; if it fails, note the reason in one line and go on."""
        began = time.monotonic()
        try:
            with self.budget.limit(seconds):
                yield
        except OutOfTime:
            self.report.note(f"{what}: stopped after {time.monotonic() - began:.0f} s, its time was up")
        except Exception as error:
            reason = (str(error).strip() or "no reason given").partition("\n")[0][:200]
            self.report.note(f"{what}: {type(error).__name__}: {reason}")

    def race(self, work: Work, entrants: Mapping[str, Factory], *, seconds: float) -> list[str]:
        """Build and warm up contestants, leave out those that fail or take too long, and time the others in turns.

        Returns:
            Names of those that took part.
        """
        print(f"{work}", flush=True)
        seconds = min(seconds, self.budget.left)
        until = time.monotonic() + seconds
        ready: dict[str, Contestant] = {}
        one_round = 0.0
        for name, factory in entrants.items():
            with self.trying(f"{work}: {name}", until - (1 - WARMING_SHARE) * seconds - time.monotonic()):
                contestant = factory()
                contestant()
                one_round += self._seconds(contestant)
                ready[name] = contestant
        if not ready:
            return []
        left = until - time.monotonic()
        rounds = max(FEWEST_ROUNDS, min(MOST_ROUNDS, int(0.8 * left / max(one_round, 1e-6))))
        with self.trying(f"{work}: {rounds} rounds", self.budget.left):
            for row in compare(ready, rounds=rounds, warmup=0, clock=CARD_CLOCK):
                self.report.speeds.append(Speed(work, row))
                print(self.report.speeds[-1].line(self.report.peak), flush=True)
        return list(ready)

    def _seconds(self, contestant: Contestant) -> float:
        self.synchronize()
        began = time.monotonic()
        contestant()
        self.synchronize()
        return time.monotonic() - began
