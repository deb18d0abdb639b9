"""``idm bench``: speed beside peers and beside plain loops."""

import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idm.bench.workloads import WORKLOADS
from idm.cli.options import Json
from idm.cli.output import Output, stdout_console
from idm.core.errors import SettingsError, unknown_name
from idm.core.outputs import checked_folder

if TYPE_CHECKING:
    from rich.console import RenderableType

    from idm.bench.sizes import Configuration


def bench(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for results.json and speed.png.")] = Path(
        "runs/bench"
    ),
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="NAMES",
            help=f"Some of {', '.join(WORKLOADS)}; all by default.",
        ),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option("--sizes", metavar="NAMES", help="Sizes of the U-Net: of tiny, small, medium; all by default."),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=2, help="Turns that each contestant takes.")] = 7,
    as_json: Json = False,
) -> None:
    """Time this project side by side with diffusers, denoising-diffusion-pytorch and plain loops.

    Contestants take turns, and paired ratios of their times are reported. A peer that is not installed is left out.
    """
    from idm.bench.run import PLOT, RESULTS, Bench
    from idm.core.terminal import TERMINAL
    from idm.tasks.together import together

    destination, workloads, configurations = together(
        lambda: checked_folder(out), lambda: _chosen("--only", only, WORKLOADS), lambda: _configurations(sizes)
    )
    output, console = Output(as_json=as_json), stdout_console()

    def show(what: "RenderableType") -> None:
        if not as_json:
            console.print(what, markup=False, soft_wrap=isinstance(what, str))

    found = Bench(destination, show, rounds, shlex.join(["idm", *sys.argv[1:]]), listener=TERMINAL).run(
        workloads, configurations
    )
    written = {"results": destination / RESULTS, "plot": destination / PLOT}
    output.line()
    output.pairs(written)
    output.finish(**found.to_plain(), files=written)


def _configurations(names: str | None) -> "list[Configuration]":
    from idm.bench.sizes import SIZES

    return [SIZES[name] for name in _chosen("--sizes", names, SIZES)]


def _chosen(option: str, names: str | None, known: Collection[str]) -> list[str]:
    """Split a list of names, each of which must be known; all of them where none are given."""
    if names is None:
        return list(known)
    chosen = [name.strip() for name in names.split(",")]
    unknown = [unknown_name(option, name, known) for name in chosen if name not in known]
    if unknown:
        raise SettingsError(*(line for error in unknown for line in error.lines))
    return list(dict.fromkeys(chosen))
