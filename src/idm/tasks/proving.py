"""Checks of the mathematics, into a folder or none."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from idm.core.files import write_atomically
from idm.core.outputs import checked_folder
from idm.core.progress import SILENT, Listener
from idm.core.text import json_text
from idm.proof import CHECKS, Measured, Proof
from idm.report import Curve, Panel, over_calls, png, svg
from idm.storage.results import results_in
from idm.tasks.together import Say, say_nothing, say_what_is_replaced

RESULTS, TABLE, PLOT, DRAWING = "math.json", "math.md", "math.png", "math.svg"
NAMES = (RESULTS, TABLE, PLOT, DRAWING)
"""What is written."""

HEADINGS = ("sampler", "data", "grid", "start", "order", "measured", "steps", "error", "holds")


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        proof: what was measured.
        written: what was written, by what it is.
    """

    proof: Proof
    written: dict[str, Path] = field(default_factory=dict[str, Path])

    @property
    def holds(self) -> bool:
        """Whether everything is as theory says."""
        return self.proof.holds

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table, a row of ``HEADINGS`` for each order."""
        return [_row(one) for one in self.proof.measured]


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
    figure = over_calls(panels_of_orders(found.proof.measured))
    table = "\n".join("| " + " | ".join(row) + " |" for row in (HEADINGS, ("---",) * len(HEADINGS), *found.rows))
    return {
        "results": write_atomically(folder / RESULTS, (json_text(found.proof.to_plain(), indent=2) + "\n").encode()),
        "table": write_atomically(folder / TABLE, (table + "\n").encode()),
        "plot": write_atomically(folder / PLOT, png(figure)),
        "drawing": write_atomically(folder / DRAWING, svg(figure).encode()),
    }


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


def _row(one: Measured) -> tuple[str, ...]:
    order = f"{'at least ' if one.at_least else ''}{one.order}"
    slopes, steps = ", ".join(f"{slope:.2f}" for slope in one.slopes), f"{one.num_steps[0]} to {one.num_steps[-1]:,}"
    holds = "yes" if one.holds else "NO"
    return one.solver, one.data, one.grid, one.start, order, slopes, steps, f"{one.errors[-1]:.1e}", holds
