"""``idm watch``: how a run, running or finished, gets on; read from its files alone."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli.options import Json, switch
from idm.cli.output import Output, print_json, stdout_console
from idm.core.streams import output_is_lost
from idm.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from idm.tasks.progress import RunProgress

SECONDS_BETWEEN_LOOKS = 2.0


def watch(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    once: Annotated[bool, switch("--once", "Print what is known now, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Show the progress of a run: losses, speed, time left, last pictures. Ctrl-C ends the watching, not the run."""
    from idm.tasks import read_progress

    console = stdout_console()
    if as_json:
        print_json(read_progress(run_folder).to_plain())
        return
    if once or not console.is_terminal:
        Output().pairs(_rows(read_progress(run_folder)))
        return
    from rich.live import Live

    with Live(_table(read_progress(run_folder)), console=console, auto_refresh=False) as live:
        while not output_is_lost():
            time.sleep(SECONDS_BETWEEN_LOOKS)
            live.update(_table(read_progress(run_folder)), refresh=True)


def _table(found: "RunProgress") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in _rows(found).items():
        table.add_row(name, Text(printable(value)))
    return table


def _rows(found: "RunProgress") -> dict[str, str]:
    known, total = found.figures, found.num_steps
    step, left = known.get("step"), found.seconds_left
    quartiles = [known.get(f"mse_q{i}", known.get(f"loss_q{i}")) for i in range(4)]
    rows = {
        "run": str(found.run_folder),
        "step": "none logged yet" if step is None else f"{step:,} of {total:,}" if total else f"{step:,}",
        "loss": _number(known.get("loss")),
        "by noise, least first": "  ".join(_number(value) or "-" for value in quartiles) if step else "",
        "held-out bits/dim": _number(known.get("held_out_bpd")),
        "memorised": _memorised(known),
        "images per second": _number(known.get("images_per_second")),
        "waiting for data": "" if not known.get("waited") else f"{known['waited']:.0%} of the time",
        "time left": "" if left is None else _clock(left),
        "bad steps and returns": str(found.num_events or ""),
        "checkpoint": str(found.checkpoint or ""),
        "pictures": str(found.picture or ""),
    }
    return {name: value for name, value in rows.items() if value}


def _memorised(known: "Mapping[str, Any]") -> str:
    """Say by how much errors on training samples are smaller, and since when; "" where nobody looked."""
    share, error, since = (known.get(name) for name in ("memorised", "memorised_error", "memorising_since"))
    if share is None:
        return ""
    said = f"{share:.0%}" + ("" if error is None else f" ± {error:.0%}")
    return said if since is None else f"{said}, began by step {since:,}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
