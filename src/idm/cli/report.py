"""``idm report``: one page of a run, or of several side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli import completion, options
from idm.cli.groups import Doing

if TYPE_CHECKING:
    from idm.tasks.reporting import Reported

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN", help="Run folders, or checkpoints in them, side by side.", show_default=False),
]
Page = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The page; RUN/reported/report.html if not given.")
]
Figures = Annotated[
    str | None,
    typer.Option("--figures", metavar="DIR", help="A folder for each figure as PDF and SVG, too, and pictures as PNG."),
]
Sections = Annotated[
    str | None,
    typer.Option(
        "--sections",
        metavar="NAMES",
        help="What is on it, with commas between: glance, samples, training, bound, levels, compared, metrics, "
        "distributions, neighbours, tradeoff, trajectory, inversion, interpolation, configuration, "
        "cost; all if not given.",
        autocompletion=completion.report_sections,
    ),
]
Budget = Annotated[
    int, options.number("--budget", "About how many calls of the network on single samples each run may cost.", 1_000)
]


def report(
    run_folders: Runs,
    out: Page = None,
    sections: Sections = None,
    budget: Budget = 300_000,
    figures: Figures = None,
    seed: options.Seed = 0,
    precision: options.Precision = None,
    *,
    doing: Doing,
) -> None:
    """Write one page of a run: samples, bounds, metrics, steps and samplers, inversion, training; one file, no scripts.

    Several runs stand side by side. Nothing on the page is asked for from elsewhere, so that it can be sent or printed.
    """
    from idm.tasks.reporting import ReportRequest, report_into

    wanted = ReportRequest(options.listed(sections), budget, seed, precision, figures)
    found = report_into(run_folders, wanted, out, **doing.for_task)
    output, written = doing.output, _written(found)
    for left in found.left_out:
        output.line(f"left out of {left.name}: {left.heading} ({left.reason})")
    output.pairs(written)
    output.finish(**written, left_out=[vars(left) for left in found.left_out])


def _written(found: "Reported") -> dict[str, str]:
    """Say where page and figures lie."""
    figures = {"figures": f"{found.figures[0].parent}"} if found.figures else {}
    return {"page": str(found.page), **figures}
