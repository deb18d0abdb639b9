"""``idm encode``: carry images to the noise that they could have been made from."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli import options
from idm.cli.output import Output
from idm.core.text import counted

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES...",
        help="Pictures, .npy, .npz or NIfTI files, folders of them, or held-out:0-7 of the run's own data.",
        show_default=False,
    ),
]
LatentsFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="A .safetensors file; by default latents.safetensors in RUN."),
]


def encode(
    run: options.RunArgument,
    images: Images,
    method: options.InversionMethod = None,
    steps: options.InversionSteps = None,
    spacing: options.InversionSpacing = None,
    seed: options.InversionSeed = 0,
    labels: options.KnownLabels = None,
    out: LatentsFile = None,
    batch_size: options.BatchSize = 256,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Encode images into latents, which 'idm decode' turns back into images."""
    from idm.core.terminal import TERMINAL
    from idm.run.labels import name_labels
    from idm.tasks.editing import encode_into

    found = encode_into(
        run,
        images,
        out,
        labels=labels,
        method=method,
        steps=steps,
        spacing=spacing,
        seed=seed,
        batch_size=batch_size,
        device=device,
        trust_code=trust_code,
        listener=TERMINAL,
    )
    latents, y = found.latents, found.latents.labels
    names = None if y is None else name_labels(y.tolist(), found.run.spec.class_names)
    output = Output(as_json=as_json)
    rows: dict[str, object] = {
        "encoded": f"{counted(len(latents.x), 'sample')}, {counted(latents.steps, 'step')} of {latents.spacing}",
        "method": latents.method,
        "latents": found.path,
    }
    if names is not None:
        rows["classes"] = ", ".join(name or "no class" for name in names)
    output.pairs(rows)
    output.next("decode", run, found.path)
    way = {"method": latents.method, "steps": latents.steps, "spacing": latents.spacing}
    output.finish(latents=found.path, num=len(latents.x), **way, labels=names)
