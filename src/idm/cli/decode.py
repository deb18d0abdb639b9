"""``idm decode``: turn latents back into images."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli.options import BatchSize, Device, Json, OutFolder, RunArgument
from idm.cli.output import Output, checked_folder


def decode(
    run: RunArgument,
    latents: Annotated[
        Path, typer.Argument(metavar="LATENTS", help="A file written by 'idm encode'.", show_default=False)
    ],
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="CLASSES", help="Other classes than they were encoded with, in turn."),
    ] = None,
    out: OutFolder = None,
    batch_size: BatchSize = 256,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Decode latents into images; with other labels than they were encoded with, into other classes."""
    from idm.cli.batches import in_batches
    from idm.cli.conditioning import conditioning
    from idm.cli.results import describe_results, run_folder, save_samples, together
    from idm.editing import decode as decode_latents
    from idm.editing import inversion_process
    from idm.experiment import load
    from idm.experiment.labels import class_numbers
    from idm.experiment.latents import Latents

    opened = load(run, device=device)
    destination, asked = together(
        lambda: checked_folder(out or run_folder(opened) / "decoded"),
        lambda: class_numbers(labels, opened.spec.class_names),
    )
    codes = Latents.read(latents)
    codes.check(opened)
    known = [None] * len(codes.x) if codes.labels is None else codes.labels.tolist()
    kwargs = conditioning(opened, asked, known)
    process = inversion_process(opened.diffusion, codes.steps)
    x = in_batches(
        lambda part, given: decode_latents(process, opened.model, part, model_kwargs=given, progress=True),
        codes.x,
        kwargs,
        batch_size,
        opened.device,
        what="samples",
    )
    y = kwargs.get("y")
    written = save_samples(destination, opened, x, labels=None if y is None else y.tolist())
    output = Output(as_json=as_json)
    output.line(f"{len(x):,} samples decoded, {codes.steps:,} steps")
    describe_results(output, opened, x, written)
    output.finish(num=len(x), steps=codes.steps, **written)
