"""The order of a benchmark: machine, numerics, peak, then table after table, kept as they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from idm.bench.check import Check, require
from idm.bench.harness import Clock, compare
from idm.bench.machine import describe_machine
from idm.bench.numerics import check_numerics
from idm.bench.ours import OURS
from idm.bench.peak import Peak, measure_peaks
from idm.bench.results import RESULTS, Results, write_results
from idm.bench.sizes import Configuration
from idm.bench.table import Outcome, Plan, Scope, Table, outcome
from idm.bench.text import Show, show_checks, show_machine, show_outcome, show_peaks
from idm.bench.workloads import WORKLOADS
from idm.core.progress import SILENT, Listener
from idm.storage.results import results_in

WARMUP_CALLS = 2


@dataclass
class Bench:
    """A benchmark on its way.

    Attributes:
        show: told everything that people want to read, as text or as something that rich prints.
        rounds: how often every row is timed.
        command: the command line, for the record.
        check: finds by how much the results of networks of those sizes deviate.
        machine: what is measured on.
        clock: where times are read.
        listener: hears how it gets on.
    """

    show: Show
    rounds: int = 7
    command: str = ""
    check: Callable[[Sequence[Configuration]], list[Check]] = check_numerics
    machine: Mapping[str, str] = field(default_factory=describe_machine)
    clock: Clock = field(default_factory=Clock)
    listener: Listener = SILENT
    _checks: list[Check] = field(default_factory=list[Check])
    _peaks: dict[torch.dtype, Peak] = field(default_factory=dict[torch.dtype, Peak])
    _outcomes: list[Outcome] = field(default_factory=list[Outcome])

    def measure(self, plans: Sequence[Plan], sizes: Sequence[Configuration]) -> Iterator[Outcome]:
        """Check the networks of those sizes, and go through the tables; each is shown and is in ``results``.

        Raises:
            NumericalError: the results of a network are wrong, so that its speed means nothing.
        """
        show_machine(self.show, self.machine)
        self._checks = self.check(sizes)
        require(self._checks)
        show_checks(self.show, self._checks)
        for number, plan in enumerate(plans, start=1):
            self._outcomes.append(self._measured(plan(), f"[{number}/{len(plans)}]"))
            show_outcome(self.show, self._outcomes[-1])
            yield self._outcomes[-1]

    @property
    def results(self) -> Results:
        """What was found so far."""
        return Results(self.machine, self.command, self.rounds, self._checks, self._peaks, self._outcomes)

    def _measured(self, table: Table, place: str) -> Outcome:
        if not self._peaks and any(row.flops for row in table.rows.values()):
            self._peaks = measure_peaks(self.clock)
            show_peaks(self.show, self._peaks)
        calls = {name: row.call for name, row in table.rows.items()}
        total = len(table.memory) + len(calls) * (WARMUP_CALLS + self.rounds)
        with self.listener.follow(f"{place} {table.title}", total, unit="calls") as bar:
            memory: dict[str, int] = {}
            for name, find in table.memory.items():
                memory[name] = find()
                bar.advance()
            timing = partial(compare, rounds=self.rounds, warmup=WARMUP_CALLS, clock=self.clock, tick=bar.advance)
            found = timing(calls) if calls else []
        return outcome(table, found, {dtype: peak.convolution for dtype, peak in self._peaks.items()}, memory)


def measure_machine(bench: Bench, out: Path, names: Sequence[str], sizes: Sequence[Configuration]) -> Results:
    """Measure this project on this machine, and write results.json anew after every table.

    Args:
        bench: how it is measured.
        out: folder for results.json.
        names: workloads, of ``WORKLOADS``.
        sizes: networks.

    Raises:
        NumericalError: the results of a network are wrong, so that its speed means nothing.
    """
    scope = Scope(sizes, OURS)
    plans = [plan for name in names for plan in WORKLOADS.build(name, {}, scope=scope)]
    with results_in(out, [RESULTS]) as results:
        for _ in bench.measure(plans, sizes):
            write_results(bench.results.to_plain(), results)
    return bench.results
