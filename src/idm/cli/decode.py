"""``idm decode``: turn latents back into images."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli import options
from idm.cli.groups import Doing
from idm.core.text import counted


def decode(
    run: options.RunArgument,
    latents: Annotated[
        Path, typer.Argument(metavar="LATENTS", help="A file written by 'idm encode'.", show_default=False)
    ],
    labels: options.NewLabels = None,
    out: options.OutFolder = None,
    batch_size: options.BatchSize = 256,
    *,
    doing: Doing,
) -> None:
    """Decode latents into images; with other labels than they were encoded with, into other classes."""
    from idm.cli.written import describe_results
    from idm.tasks.editing import decode_into

    output = doing.output
    made = decode_into(run, latents, out, labels=labels, batch_size=batch_size, **doing.for_task)
    output.line(f"{counted(len(made.x), 'sample')} decoded, {counted(made.steps, 'step')}")
    describe_results(output, made)
    output.finish(num=len(made.x), steps=made.steps, **made.written)
