"""The order of a comparison: who takes part, then table after table with its goals, kept as they come; a picture."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from idm.bench.check import Check
from idm.bench.numerics import check_numerics
from idm.bench.results import RESULTS, WHAT, Results, write_results
from idm.bench.run import Bench
from idm.bench.sizes import Build, Configuration, our_unet
from idm.bench.table import Plan, Scope
from idm.core.files import write_atomically
from idm.core.registry import Registry
from idm.report import png
from idm.storage.results import results_in
from speed.figure import speed_figure
from speed.goals import GOALS
from speed.judging import Judged, judge
from speed.peers import DIFFUSERS, PEERS, Peer, installed
from speed.reference import check_reference
from speed.text import show_summary, show_verdicts
from speed.workloads import WORKLOADS

PLOT = "speed.png"


def check(sizes: Sequence[Configuration], build: Build = our_unet) -> list[Check]:
    """Compare the network with the published implementation's numbers, and with itself in float64."""
    return [*check_reference(build), *check_numerics(sizes, build)]


def compare(
    bench: Bench,
    out: Path,
    names: Sequence[str],
    sizes: Sequence[Configuration],
    *,
    peers: Sequence[Peer] = PEERS,
    workloads: Registry[list[Plan]] = WORKLOADS,
) -> None:
    """Measure ours beside peers and plain loops, and write results.json after every table, and speed.png.

    Args:
        bench: how it is measured.
        out: folder for the results.
        names: of the workloads that are measured.
        sizes: of networks.
        peers: who takes part where it is installed.
        workloads: all that there are.

    Raises:
        NumericalError: the results of a network are wrong, so that its speed means nothing.
    """
    present, missing = installed(peers)
    for line in missing:
        bench.show(line)
    judged: list[Judged] = []
    with results_in(out, [RESULTS, PLOT]) as results, TemporaryDirectory(prefix="idm-bench-") as folder:
        for outcome in bench.measure(_plans(workloads, names, Scope(sizes, present), Path(folder)), sizes):
            judged.append(judge(outcome, GOALS.get(outcome.title, ())))
            show_verdicts(bench.show, judged[-1])
            write_results(plain(bench.results, judged, missing), results)
        timed = [one for one in judged if one.outcome.rows]
        if timed:
            results.put(WHAT, lambda folder: {"plot": write_atomically(folder / PLOT, png(speed_figure(timed)))})
    show_summary(bench.show, judged)


def _plans(workloads: Registry[list[Plan]], names: Sequence[str], scope: Scope, folder: Path) -> list[Plan]:
    same_network = [entrant for entrant in scope.entrants if entrant == DIFFUSERS]
    given = {"scope": scope, "folder": folder, "peers": same_network}
    return [plan for name in names for plan in workloads.build(name, {}, **given)]


def plain(results: Results, judged: Sequence[Judged], missing: Sequence[str]) -> dict[str, Any]:
    """Return JSON-able values: those of a machine, with goals and with the peers that are not installed."""
    found = results.to_plain()
    goals = [[asdict(verdict) for verdict in one.verdicts] for one in judged]
    tables = [table | {"goals": of_table} for table, of_table in zip(found["tables"], goals, strict=True)]
    return found | {"missing": list(missing), "tables": tables}
