"""``idm decode``: turn latents back into images."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli.options import BatchSize, Device, Json, OutFolder, RunArgument
from idm.cli.output import Output
from idm.core.text import counted


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
    from idm.cli.results import announce, describe_results, results_folder, sample_folder, save_samples, together
    from idm.editing import decode as decode_latents
    from idm.editing import inversion_process
    from idm.run import load
    from idm.run.batches import in_batches
    from idm.run.conditioning import conditioning
    from idm.run.labels import class_numbers
    from idm.run.latents import Latents

    opened = load(run, device=device)
    destination, asked = together(
        lambda: results_folder(out, opened, "decoded"),
        lambda: class_numbers(labels, opened.spec.class_names),
    )
    codes = Latents.read(latents)
    codes.check(opened)
    known = [None] * len(codes.x) if codes.labels is None else codes.labels.tolist()
    kwargs = conditioning(opened, asked, known)
    process = inversion_process(opened.diffusion, codes.steps)
    output = Output(as_json=as_json)
    with sample_folder(destination, opened, len(codes.x)) as results:
        announce(output, results)
        x = in_batches(
            lambda part, denoise: decode_latents(process, denoise, part, progress=True),
            codes.x,
            opened.denoiser(process, kwargs),
            batch_size,
            opened.device,
            what="samples",
        )
        y = kwargs.get("y")
        named = None if y is None else y.tolist()
        written = results.put(
            f"{counted(len(x), 'sample')} decoded from {latents}",
            lambda folder: save_samples(folder, opened, x, labels=named),
        )
    output.line(f"{counted(len(x), 'sample')} decoded, {counted(codes.steps, 'step')}")
    describe_results(output, opened, x, written)
    output.finish(num=len(x), steps=codes.steps, **written)
