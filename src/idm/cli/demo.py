"""``idm demo``: everything at once, on data that need no download."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli.options import Device, Overrides
from idm.cli.output import Output, command
from idm.core.outputs import checked_folder


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run and its page.")] = Path(
        "runs/demo"
    ),
    overrides: Overrides = None,
    device: Device = None,
) -> None:
    """Train on handwritten digits, sample, score, invert and interpolate; leaves a page, report.html.

    The run folder is one like any other: every command works on it. Run it again to continue an interrupted demo.
    """
    from idm.demo import run_demo

    output = Output()
    folder, given = checked_folder(out), overrides or []
    page = run_demo(folder, overrides=given, device=device, say=lambda chapter: output.line(f"{chapter} ..."))
    output.line()
    output.line(f"The page: {page}")
    sevens = command("idm", "sample", out, "--num", 20, "--labels", "3,7", "--out", out / "threes-and-sevens")
    output.line(f"Try next: {sevens}")
