"""The order of a benchmark: machine, numerics, peak, then table after table, kept as they come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from idm.bench.check import Check, require
from idm.bench.entrants import ENTRANTS, Entrant, installed
from idm.bench.figure import speed_figure
from idm.bench.harness import Clock, compare
from idm.bench.machine import describe_machine
from idm.bench.numerics import CHECKED, check_numerics
from idm.bench.peak import Peak, measure_peaks
from idm.bench.reference import check_reference
from idm.bench.results import Results
from idm.bench.sizes import TINY, Build, Configuration, our_unet
from idm.bench.table import Outcome, Plan, Scope, outcome
from idm.bench.text import Show, show_checks, show_machine, show_outcome, show_peaks, show_summary
from idm.bench.workloads import WORKLOADS
from idm.core.files import write_atomically
from idm.core.progress import SILENT, Listener
from idm.report import png
from idm.storage.results import Results as FolderResults
from idm.storage.results import results_in

WARMUP = 2
RESULTS, PLOT = "results.json", "speed.png"
NAMES, WHAT = (RESULTS, PLOT), "a benchmark"


@dataclass
class Bench:
    """A benchmark on its way.

    Attributes:
        out: folder for results.json, written after every table, and speed.png.
        rounds: how often every row is timed.
        command: the command line, for the record.
        entrants: the implementations, in the order of the rows.
        show: told everything that people want to read, as text or as something that rich prints.
        build: builds the networks whose numerics are checked.
        clock: where times are read.
        listener: hears how it gets on.
    """

    out: Path
    show: Show
    rounds: int = 7
    command: str = ""
    entrants: Sequence[Entrant] = ENTRANTS
    build: Build = our_unet
    clock: Clock = field(default_factory=Clock)
    listener: Listener = SILENT
    _machine: dict[str, str] = field(default_factory=describe_machine)
    _missing: list[str] = field(default_factory=list[str])
    _checks: list[Check] = field(default_factory=list[Check])
    _peaks: dict[torch.dtype, Peak] = field(default_factory=dict[torch.dtype, Peak])
    _outcomes: list[Outcome] = field(default_factory=list[Outcome])

    def run(self, workloads: Sequence[str], sizes: Sequence[Configuration]) -> Results:
        """Measure those workloads on those sizes of network.

        Raises:
            NumericalError: the results of the network are wrong, so that its speed means nothing.
        """
        with results_in(self.out, NAMES) as results:
            return self._run(workloads, sizes, results)

    def _run(self, workloads: Sequence[str], sizes: Sequence[Configuration], results: FolderResults) -> Results:
        """Measure, and write down what is found as it comes."""
        present, self._missing = installed(self.entrants)
        show_machine(self.show, self._machine, self._missing)
        checked = [config for config in sizes if config in CHECKED] or [TINY]
        self._checks = [*check_reference(self.build), *check_numerics(checked, self.build)]
        require(self._checks)
        show_checks(self.show, self._checks)
        with TemporaryDirectory(prefix="idm-bench-") as folder:
            scope = Scope(sizes, present, Path(folder))
            plans = [plan for name in workloads for plan in WORKLOADS.build(name, {}, scope=scope)]
            for number, plan in enumerate(plans, start=1):
                self._measure(plan, f"[{number}/{len(plans)}]", results)
        timed = [one for one in self._outcomes if one.rows]
        if timed:
            results.put(WHAT, lambda folder: {"plot": write_atomically(folder / PLOT, png(speed_figure(timed)))})
        show_summary(self.show, self._outcomes)
        return self.results

    @property
    def results(self) -> Results:
        """What was found so far."""
        found = (self._missing, self._checks, self._peaks, self._outcomes)
        return Results(self._machine, self.command, self.rounds, *found)

    def _measure(self, plan: Plan, place: str, results: FolderResults) -> None:
        table = plan()
        if not self._peaks and any(row.flops for row in table.rows.values()):
            self._peaks = measure_peaks(self.clock)
            show_peaks(self.show, self._peaks)
        calls = {name: row.call for name, row in table.rows.items()}
        total = len(table.memory) + len(calls) * (WARMUP + self.rounds)
        with self.listener.follow(f"{place} {table.title}", total, unit="calls") as bar:
            memory: dict[str, int] = {}
            for name, find in table.memory.items():
                memory[name] = find()
                bar.advance()
            timing = partial(compare, rounds=self.rounds, warmup=WARMUP, clock=self.clock, tick=bar.advance)
            found = timing(calls) if calls else []
        limits = {dtype: peak.convolution for dtype, peak in self._peaks.items()}
        self._outcomes.append(outcome(table, found, limits, memory))
        text = json.dumps(self.results.to_plain(), indent=1, allow_nan=False) + "\n"
        results.put(WHAT, lambda folder: {"results": write_atomically(folder / RESULTS, text.encode())})
        show_outcome(self.show, self._outcomes[-1])
