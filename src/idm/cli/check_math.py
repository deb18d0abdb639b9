"""``idm check-math``: theory beside measurement."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli import completion
from idm.cli.options import Json, switch
from idm.cli.output import Output
from idm.core.errors import NumericalError

CheckName = Annotated[
    str, typer.Argument(metavar="[CHECK]", help="What is checked: samplers.", autocompletion=completion.checks)
]
ProofFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write math.json, math.md, math.png and math.svg to this folder."),
]
Quick = Annotated[bool, switch("--quick", "The share of it that takes 20 seconds.")]


def check_math(
    check: CheckName = "samplers", out: ProofFolder = None, quick: Quick = False, as_json: Json = False
) -> None:
    """Measure the orders of all samplers on data whose flow is known, and compare them with theory.

    Needs no run and no data. Errors of twice as many steps are compared, again and again; three slopes in a row are to
    be within 0.15 of the order. Exit code 5 if one is not. It takes about two minutes of one core that does nothing
    else; interrupted, it begins anew.
    """
    from idm.core.terminal import TERMINAL
    from idm.tasks.proving import HEADINGS, check_math

    output = Output(as_json=as_json)
    found = check_math(check, out, quick=quick, listener=TERMINAL, say=output.line)
    output.table([HEADINGS, *found.rows])
    wrong = sum(not one.holds for one in found.proof.measured)
    output.line()
    output.line(f"{len(found.rows) - wrong:,} of {len(found.rows):,} as theory says")
    spread = max(one.spread for one in found.proof.measured)
    output.line(f"with other predictions, and on the straight path, all end within {spread:.0e} of the same")
    output.pairs(found.written)
    output.finish(**found.proof.to_plain(), written=found.written)
    if wrong:
        raise typer.Exit(NumericalError.exit_code)
