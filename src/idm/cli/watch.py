"""``idm watch``: how a run, running or finished, gets on; read from its files alone."""

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli.options import Json
from idm.cli.output import Output, print_json, stdout_console
from idm.core.streams import output_is_lost
from idm.core.text import printable

if TYPE_CHECKING:
    from rich.table import Table

SECONDS_BETWEEN_LOOKS = 2.0
MOST_BYTES = 2**20
"""Most bytes that are read of the end of metrics.jsonl."""

LARGEST_SETTINGS_BYTES = 2**17
"""Most bytes that are read of the beginning of experiment.yaml; ours have a few thousand."""

NUM_STEPS = re.compile(rb"^training:\n(?:  .*\n)*?  num_steps: ([1-9][0-9]{0,17})$", re.MULTILINE)
"""Where experiment.yaml, as it is written, says how many steps there will be."""

LARGEST_NUMBER = 1e100
"""What is larger is no figure of a run."""


def watch(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    once: Annotated[bool, typer.Option("--once", metavar="", help="Print what is known now, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Show the progress of a run: losses, speed, time left, last pictures. Ctrl-C ends the watching, not the run."""
    console = stdout_console()
    if as_json:
        print_json(look(run))
        return
    if once or not console.is_terminal:
        Output().pairs(_rows(look(run)))
        return
    from rich.live import Live

    with Live(_table(look(run)), console=console, auto_refresh=False) as live:
        while not output_is_lost():
            time.sleep(SECONDS_BETWEEN_LOOKS)
            live.update(_table(look(run)), refresh=True)


def look(run: Path) -> dict[str, Any]:
    """Return what the files of a run tell, by name; values that are not known are left out.

    Raises:
        CheckpointError: the folder holds no run.
    """
    from idm.core.errors import CheckpointError

    if not (run / "experiment.yaml").is_file():
        raise CheckpointError(f"run {run}: no run in this folder; give a folder written by 'idm train'")
    rows, total = _last_lines(run / "metrics.jsonl"), _num_steps(run)
    ours: dict[str, Any] = {"run": run, "num_steps": total}
    known = dict(ours)
    if rows:
        bounds = [row for row in rows if "held_out_bpd" in row]
        known |= bounds[-1] if bounds else {}
        known |= rows[-1] | {"seconds_left": _seconds_left(rows[-1], total)}
    known |= ours | {"events": len(_last_lines(run / "events.jsonl"))}
    for name, paths in (("checkpoint", run.glob("checkpoints/step-*")), ("pictures", run.glob("samples/step-*.png"))):
        newest = max(paths, default=None)
        known |= {} if newest is None else {name: newest}
    return known


def _num_steps(run: Path) -> int | None:
    """Return the number of steps that the settings say; None where they do not, as they are written."""
    try:
        with (run / "experiment.yaml").open("rb") as stream:
            found = NUM_STEPS.search(stream.read(LARGEST_SETTINGS_BYTES))
    except OSError:
        return None
    return None if found is None else int(found[1])


def _seconds_left(row: dict[str, Any], total: int | None) -> float | None:
    rate, step, images = (row.get(name) or 0 for name in ("images_per_second", "step", "images"))
    if total is None or min(rate, step, images) <= 0 or step > total:
        return None
    seconds = (total - step) * (images / step) / rate
    return round(seconds, 1) if seconds < LARGEST_NUMBER else None


def _last_lines(path: Path) -> list[dict[str, Any]]:
    """Return the numbers in the last lines of a file; a line that is being written is left out."""
    if not path.is_file():
        return []
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - MOST_BYTES))
        lines = stream.read(MOST_BYTES).split(b"\n")
    rows: list[dict[str, Any]] = []
    for line in lines[:-1]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append({name: value for name, value in row.items() if _is_figure(value)})
    return rows


def _is_figure(value: Any) -> bool:
    """Whether a value is what a line of metrics holds: a finite number, or none."""
    return value is None or (type(value) in (int, float) and abs(value) < LARGEST_NUMBER)


def _table(known: dict[str, Any]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in _rows(known).items():
        table.add_row(name, Text(printable(value)))
    return table


def _rows(known: dict[str, Any]) -> dict[str, str]:
    step, total, left = known.get("step"), known["num_steps"], known.get("seconds_left")
    quartiles = [known.get(f"mse_q{i}", known.get(f"loss_q{i}")) for i in range(4)]
    rows = {
        "run": str(known["run"]),
        "step": "none logged yet" if step is None else f"{step:,} of {total:,}" if total else f"{step:,}",
        "loss": _number(known.get("loss")),
        "by noise, least first": "  ".join(_number(value) or "-" for value in quartiles) if step else "",
        "held-out bits/dim": _number(known.get("held_out_bpd")),
        "images per second": _number(known.get("images_per_second")),
        "waiting for data": "" if not known.get("waited") else f"{known['waited']:.0%} of the time",
        "time left": "" if left is None else _clock(left),
        "bad steps and returns": str(known["events"] or ""),
        "checkpoint": str(known.get("checkpoint", "")),
        "pictures": str(known.get("pictures", "")),
    }
    return {name: value for name, value in rows.items() if value}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
