"""``idm check-data``: look at data before training."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli import condition_options
from idm.cli.flags import in_options
from idm.cli.options import DataOverrides, Json, number, switch
from idm.cli.output import Output
from idm.core.errors import DataError
from idm.core.outputs import checked_folder
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.data.check import DataCheck, Speed

MOST_LISTED = 20
"""Most lines that are printed; further ones are counted."""

CheckedData = Annotated[
    str, typer.Argument(metavar="PATH", help="A folder of images, or another kind of data that is read.")
]
PageFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write index.jsonl, check.json and page.html to this folder."),
]
MeasureSpeed = Annotated[bool, switch("--speed", "Measure how many samples per second training would read.")]
Workers = Annotated[int, number("--workers", "With --speed: how many processes read; see data.workers.", 0, 256)]


def check_data(
    path: CheckedData,
    condition: condition_options.OfData = None,
    out: PageFolder = None,
    speed: MeasureSpeed = False,
    workers: Workers = 0,
    overrides: DataOverrides = None,
    as_json: Json = False,
) -> None:
    """Look at data as training would: what is there, what would be refused or converted and why, what is odd.

    Nothing is changed, and nothing is written without --out. 'idm train --data DIR/index.jsonl' trains on just the
    files that were checked. Exit code 3 if training would refuse something.
    """
    from idm.cli.data_options import full_paths
    from idm.core.terminal import TERMINAL
    from idm.data.check import measure_speed
    from idm.storage.results import results_in
    from idm.tasks import checking
    from idm.tasks.together import say_what_is_replaced

    output, given = Output(as_json=as_json), full_paths(overrides or [])
    with ExitStack() as stack:
        folder = None if out is None else stack.enter_context(results_in(checked_folder(out), checking.NAMES))
        if folder is not None:
            say_what_is_replaced(folder, output.line)
        check = checking.check_data(path, given, condition=condition, listener=TERMINAL)
        measured = None
        if speed and check.source is not None and not check.refusals:
            measured = measure_speed(check.source, check.options, workers, check.apart, check.patches)
        what = f"{checking.WHAT} of {check.path}"
        written = {} if folder is None else folder.put(what, lambda place: checking.write_check(place, check))
    _describe(output, check, measured, written, given, condition)
    output.finish(
        **check.to_plain(),
        files=[asdict(entry) for entry in check.files],
        speed=None if measured is None else asdict(measured),
        written=written,
    )
    if check.refusals:
        raise typer.Exit(DataError.exit_code)


def _describe(
    output: Output,
    check: "DataCheck",
    speed: "Speed | None",
    written: dict[str, Path],
    given: list[str],
    condition: str | None,
) -> None:
    output.pairs(_facts(check) | _speed(speed))
    for heading, lines in (("Worth knowing", check.remarks), ("Training would refuse", check.refusals)):
        if lines:
            output.line()
            output.heading(heading)
            for line in lines[:MOST_LISTED]:
                output.line(f"  {in_options(line)}")
            if len(lines) > MOST_LISTED:
                output.line(f"  ... and {len(lines) - MOST_LISTED:,} more")
    if written:
        output.line()
        output.pairs(written)
    _say_next(output, check, written, given, condition)


def _say_next(
    output: Output, check: "DataCheck", written: dict[str, Path], given: list[str], condition: str | None
) -> None:
    """Tell the command that trains on what was checked; nothing where training would refuse it."""
    from idm.cli.data_options import beside_an_index

    left_out = check.left_out if "index" in written else None
    if left_out is None and check.refusals:
        return
    data, kept = (
        (check.path, given) if left_out is None else (str(written["index"].absolute()), beside_an_index(check, given))
    )
    without = f", without the {left_out:,} refused" if left_out else ""
    options = [] if condition is None else ["--condition", str(Path(condition).absolute())]  # as the data are
    options += [word for override in kept for word in ("--set", override)]
    output.next("train", "--data", data, *options, "--out", "RUN", note=without)


def _facts(check: "DataCheck") -> dict[str, str]:
    """Name and describe what was found."""
    rows = {"data": f"{check.path}, read as {check.source}"}
    if check.num_samples or not check.refusals:  # how many there are is not known where all are refused
        rows["samples"] = f"{check.num_samples:,}"
    if check.opened is not None:
        shape = " x ".join(map(str, check.opened.shape))
        rows["samples"] += f" of {shape}, {check.opened.dtype.name}; {check.opened.note}"
    rows |= {name: _counted(values) for name, values in check.counts.items()}
    if check.classes is not None:
        rows["classes"] = _counted(check.classes)
    if check.condition:
        rows["conditions"] = check.condition
    if check.values is not None:
        rows |= {"values": check.values.words, "range": check.values.choice}
    elif check.low:
        rows["values"] = f"{min(check.low):g} to {max(check.high):g}"
    if check.conversions:
        rows["converted"] = _counted(check.conversions)
    if check.skipped:
        rows["skipped"] = f"{counted(len(check.skipped), 'other file')}, such as {check.skipped[0]}"
    return rows


def _speed(speed: "Speed | None") -> dict[str, str]:
    if speed is None:
        return {}
    rates = f"{speed.first:,.0f} samples/s in the first epoch, {speed.later:,.0f} later"
    return {"speed": f"{rates}; opened in {speed.opening:.2f} s"}


def _counted(values: Mapping[str, int]) -> str:
    """Ten values with how often they occur."""
    shown = [f"{name} ({num:,})" for name, num in list(values.items())[:10]]
    return ", ".join(shown) + (f", ... {len(values) - 10:,} more" if len(values) > 10 else "")
