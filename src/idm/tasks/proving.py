"""Checks of the mathematics, into a folder or none."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from idm.core.files import write_atomically
from idm.core.outputs import checked_folder
from idm.core.progress import SILENT, Listener
from idm.core.text import json_text
from idm.proof import CHECKS, Measured, Proof, Restored
from idm.report import Curve, Panel, over_calls, png, svg
from idm.storage.results import results_in
from idm.tasks.together import Say, say_nothing, say_what_is_replaced

RESULTS, TABLE, PLOT, DRAWING = "math.json", "math.md", "math.png", "math.svg"
NAMES = (RESULTS, TABLE, PLOT, DRAWING)
"""What is written."""


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        proof: what was measured.
        written: what was written, by what it is.
    """

    proof: Proof[Any]
    written: dict[str, Path] = field(default_factory=dict[str, Path])

    @property
    def holds(self) -> bool:
        """Whether everything is as theory says."""
        return self.proof.holds


def check_math(
    name: str = "samplers",
    out: str | Path | None = None,
    *,
    quick: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Checked:
    """Measure on data whose answers are known what theory says of the mathematics.

    Args:
        name: of the check, one of ``idm.proof.CHECKS``.
        out: folder for table, figure and JSON; nothing is written where None.
        quick: take the share of it that needs seconds.
        listener: hears how it gets on.
        say: told what is replaced.

    Raises:
        UnknownNameError: no such check.
        SettingsError: other files in the folder.
    """
    check = CHECKS[name]
    with ExitStack() as stack:
        results = None if out is None else stack.enter_context(results_in(checked_folder(Path(out)), NAMES))
        if results is not None:
            say_what_is_replaced(results, say)
        found = Checked(check(quick=quick, listener=listener))
        if results is None:
            return found
        return Checked(found.proof, results.put(f"a check of {name}", lambda folder: write_proof(folder, found)))


def write_proof(folder: Path, found: Checked) -> dict[str, Path]:
    """Write the table, the figure and all numbers."""
    proof = found.proof
    figure = over_calls(FIGURES[proof.name](proof.measured))
    table = "\n".join(_table(*rows) for rows in (proof.summary, proof.rows) if rows)
    return {
        "results": write_atomically(folder / RESULTS, (json_text(proof.to_plain(), indent=2) + "\n").encode()),
        "table": write_atomically(folder / TABLE, table.encode()),
        "plot": write_atomically(folder / PLOT, png(figure)),
        "drawing": write_atomically(folder / DRAWING, svg(figure).encode()),
    }


def _table(headings: Sequence[str], *rows: Sequence[str]) -> str:
    lines = (headings, ["---"] * len(headings), *rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def panels_of_orders(measured: Sequence[Measured]) -> list[Panel]:
    """Choose what is drawn: the hardest data and the last of the grids, with and without noise."""
    of_flow = [one for one in measured if one.start == "exact"]
    drawn = [one for one in of_flow if (one.data, one.grid) == (of_flow[-1].data, of_flow[-1].grid)]
    of_noise = [one for one in measured if one.start not in ("exact", "ordinary")]
    drawn_noise = [one for one in of_noise if one.grid == of_noise[-1].grid]
    title = f"Distance from the flow, {drawn[0].data} data"
    return [
        Panel(title, "error of the end (log scale)", _curves(drawn), log=True, slopes=True),
        Panel(
            "Samplers that draw noise, Gaussian data",
            "error of mean and deviation (log scale)",
            _curves(drawn_noise),
            log=True,
            slopes=True,
        ),
    ]


def _curves(measured: Sequence[Measured]) -> list[Curve]:
    """Draw each once: samplers that are the same, under other names, share a curve."""
    same: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for one in measured:
        points = zip(one.num_steps, one.errors, strict=True)
        at = tuple((one.calls * steps, float(f"{error:.6g}")) for steps, error in points)
        same.setdefault(at, []).append(one.solver)
    return [
        Curve("; ".join(names), [calls for calls, _ in at], [error for _, error in at]) for at, names in same.items()
    ]


def panels_of_posteriors(measured: Sequence[Restored]) -> list[Panel]:
    """Draw how far methods are from the posterior of the hardest data, and what their regions of 90 % hold of the rest.

    Means over observations; the hardest data are those whose distances are largest.
    """
    by_data = _grouped(measured, lambda one: one.data)
    hardest = max(by_data, key=lambda name: fmean(map(_excess, by_data[name])))
    others = [one for one in measured if one.data != hardest] or measured
    distance, held = "sliced distance above its floor", "share of the posterior held"
    return [
        Panel(f"Distance from the posterior, {hardest} data", distance, _of_methods(by_data[hardest], _excess)),
        Panel("Regions of 90 %", held, _of_methods(others, _held), levels={"as it should be": 0.9}),
    ]


def _of_methods(measured: Sequence[Restored], value: Callable[[Restored], float]) -> list[Curve]:
    """A point for each method, over calls and products with derivatives."""
    by_method = _grouped(measured, lambda one: one.method)
    return [
        Curve(name, [fmean(one.calls + one.backward for one in of_it)], [fmean(map(value, of_it))])
        for name, of_it in by_method.items()
    ]


def _grouped(measured: Sequence[Restored], key: Callable[[Restored], str]) -> dict[str, list[Restored]]:
    return {name: [one for one in measured if key(one) == name] for name in dict.fromkeys(map(key, measured))}


def _excess(one: Restored) -> float:
    return one.distance - one.floor


def _held(one: Restored) -> float:
    return one.held or 0.0


FIGURES: Mapping[str, Callable[[Sequence[Any]], list[Panel]]] = {
    "samplers": panels_of_orders,
    "posterior": panels_of_posteriors,
}
"""What is drawn of each check."""
