"""``idm check-math``: theory beside measurement."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli import completion
from idm.cli.options import Json, switch
from idm.cli.output import Output
from idm.core.errors import NumericalError

CheckName = Annotated[
    str,
    typer.Argument(metavar="[CHECK]", help="What is checked: samplers, posterior.", autocompletion=completion.checks),
]
ProofFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write math.json, math.md, math.png and math.svg to this folder."),
]
Quick = Annotated[bool, switch("--quick", "The share of it that takes 20 seconds at most.")]


def check_math(
    check: CheckName = "samplers", out: ProofFolder = None, quick: Quick = False, as_json: Json = False
) -> None:
    """Measure on data of which everything is known what theory says, and compare.

    Needs no run and no data. ``samplers``: their orders; errors of twice as many steps are compared, again and again,
    and three slopes in a row are to be within 0.15 of the order; two minutes of one core. ``posterior``: draws of every
    method of restoration beside exact ones; those of exact methods are to be within 0.02 of them, and 90 % regions to
    hold 87 to 93 %; six minutes. Exit code 5 if something is not. Interrupted, a check begins anew.
    """
    from idm.core.terminal import TERMINAL
    from idm.tasks.proving import check_math

    output = Output(as_json=as_json)
    found = check_math(check, out, quick=quick, listener=TERMINAL, say=output.line)
    for rows in filter(None, (found.proof.rows, found.proof.summary)):
        output.table(rows)
        output.line()
    claimed, wrong = found.proof.num_claimed, found.proof.num_wrong
    output.line(f"{claimed - wrong:,} of {claimed:,} as theory says")
    if found.proof.note:
        output.line(found.proof.note)
    output.pairs(found.written)
    output.finish(**found.proof.to_plain(), written=found.written)
    if wrong:
        raise typer.Exit(NumericalError.exit_code)
