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
        """Do something for a limited time; if it fails, note the reason in one line and go on."""
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
        """Build contestants, leave out those that fail or take too long, and time the others as ``idm bench`` does.

        Args:
            work: what all of them do in a call.
            entrants: what builds them, by name; the first that is built is what the others are compared with.
            seconds: the time for all of it, or what is left if that is less.

        Returns:
            Names of those that took part.
        """
        print(f"{work}", flush=True)
        until = time.monotonic() + WARMING_SHARE * min(seconds, self.budget.left)
        ready: dict[str, Contestant] = {}
        for name, factory in entrants.items():
            with self.trying(f"{work}: {name}", until - time.monotonic()):
                contestant = factory()
                contestant()
                self.synchronize()
                ready[name] = contestant
        if ready:
            with self.trying(f"{work}: rounds", self.budget.left):
                for row in compare(ready, clock=CARD_CLOCK):
                    self.report.speeds.append(Speed(work, row))
                    print(self.report.speeds[-1].line(self.report.peak), flush=True)
        return list(ready)
