"""``idm decode``: turn latents back into samples."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli import options
from idm.cli.output import Output
from idm.core.text import counted

ClassifierAgain = Annotated[
    str | None,
    typer.Option(
        "--classifier",
        metavar="MODULE:NAME",
        help="The function that guided, where they were encoded with one: latents run no code by themselves.",
    ),
]


def decode(
    run_folder: options.RunArgument,
    latents: Annotated[
        Path, typer.Argument(metavar="LATENTS", help="A file written by 'idm encode'.", show_default=False)
    ],
    labels: options.NewLabels = None,
    classifier: ClassifierAgain = None,
    formats: options.Formats = None,
    out: options.OutFolder = None,
    batch_size: options.BatchSize = 256,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Decode latents into samples; with other labels than they were encoded with, into other classes.

    Method, levels and guidance are those that they were encoded with; where all came in files that say the same, such
    as one file, results are of their kind and say it, too.
    """
    from idm.cli.written import describe_results
    from idm.core.terminal import TERMINAL
    from idm.tasks.editing import decode_into

    output = Output(as_json=as_json)
    made = decode_into(
        run_folder,
        latents,
        out,
        labels=labels,
        classifier=classifier,
        formats=options.listed(formats),
        batch_size=batch_size,
        device=device,
        trust_code=trust_code,
        listener=TERMINAL,
        say=output.line,
    )
    output.line(f"{counted(len(made.x), 'sample')} decoded, {counted(made.steps, 'step')}")
    describe_results(output, made)
    output.finish(num=len(made.x), steps=made.steps, **made.written)
