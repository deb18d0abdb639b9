"""What people read of a benchmark: lines and tables."""

from collections.abc import Callable, Mapping, Sequence

import torch
from rich.console import Console, RenderableType
from rich.table import Table as RichTable

from idm.bench.check import Check
from idm.bench.peak import Peak, in_words
from idm.bench.table import Measured, Outcome

Show = Callable[[RenderableType], None]
MEMORY = "peak MiB"


def show_on(console: Console | None) -> Show:
    """Return what prints on a console, if there is one; lines are as long as they are."""

    def show(what: RenderableType) -> None:
        if console is not None:
            console.print(what, markup=False, soft_wrap=isinstance(what, str))

    return show


def show_machine(show: Show, machine: Mapping[str, str]) -> None:
    """Say what is measured on what."""
    show(", ".join(f"{name} {value}" for name, value in machine.items()))


def show_checks(show: Show, checks: Sequence[Check]) -> None:
    """Say by how much results deviate."""
    show("")
    show("Numerics, relative deviations:")
    for check in checks:
        show(f"  {check}")


def show_peaks(show: Show, peaks: Mapping[torch.dtype, Peak]) -> None:
    """Say what the machine can do at best."""
    show("")
    show("Peak of this machine, measured in this process:")
    for dtype, peak in peaks.items():
        show(f"  {in_words(dtype, peak)}")


def show_outcome(show: Show, outcome: Outcome) -> None:
    """Show a table: times, paired ratios with quartiles, rates, memory."""
    show("")
    show(_times(outcome) if outcome.rows else _memory(outcome))
    disturbed = sum(row.comparison.disturbed for row in outcome.rows)
    if disturbed:
        show(f"  {disturbed} samples were disturbed by other processes and kept")


def _memory(outcome: Outcome) -> RichTable:
    """Return the table of what was not timed."""
    table = _headed(outcome, MEMORY)
    for name, peak in outcome.memory.items():
        table.add_row(name, _mebibytes(peak))
    return table


def _times(outcome: Outcome) -> RichTable:
    """Return the table of what was timed, with the columns that mean something."""
    with_flops = any(row.flops for row in outcome.rows)
    names = ["ms", f"x {outcome.rows[0].comparison.name}", "quartiles"]
    names += ["images/s"] * bool(outcome.images) + ["GFLOP/s", "of peak"] * with_flops
    table = _headed(outcome, *names, *[MEMORY] * bool(outcome.memory))
    for row in outcome.rows:
        peak = outcome.memory.get(row.comparison.name)
        memory = [_mebibytes(peak)] if peak is not None else []
        table.add_row(*_cells(row, outcome.images, with_flops=with_flops), *memory)
    return table


def _headed(outcome: Outcome, *names: str) -> RichTable:
    table = RichTable(title=outcome.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _mebibytes(number: int) -> str:
    return f"{number / 2**20:,.1f}"


def _milliseconds(seconds: float) -> str:
    """Write a time with a tenth, or with three digits where it is short."""
    return f"{1e3 * seconds:,.1f}" if seconds >= 0.01 else f"{1e3 * seconds:.3g}"


def _cells(row: Measured, images: int, *, with_flops: bool) -> list[str]:
    found = row.comparison
    cells = [found.name, _milliseconds(found.seconds), f"{found.ratio:.2f}", f"{found.low:.2f} to {found.high:.2f}"]
    if images:
        cells.append(
            f"{images / found.seconds:,.0f}" if images >= found.seconds * 10 else f"{images / found.seconds:.1f}"
        )
    if with_flops:
        cells += [f"{row.rate / 1e9:,.0f}" if row.flops else "", f"{row.share:.0%}" if row.share else ""]
    return cells
