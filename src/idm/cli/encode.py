"""``idm encode``: carry images to the noise that DDIM would make them from."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli.options import BatchSize, Device, InversionSteps, Json, RunArgument, TrustCode
from idm.cli.output import Output, checked_file, command
from idm.core.text import counted

LATENTS = "latents.safetensors"

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES...",
        help="Image files, .npy or .npz files, or held-out:0-7 of the run's own data.",
        show_default=False,
    ),
]


def encode(
    run: RunArgument,
    images: Images,
    steps: InversionSteps = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="CLASSES", help="Classes of the images, in turn; no class by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="A .safetensors file; by default latents.safetensors in RUN."),
    ] = None,
    batch_size: BatchSize = 256,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Encode images into latents, which 'idm decode' turns back into images."""
    from idm.cli.results import run_folder, together
    from idm.core.errors import SettingsError
    from idm.core.files import write_atomically
    from idm.core.places import exists, file_in, usable_folder
    from idm.editing import encode as encode_images
    from idm.editing import inversion_process
    from idm.run import load
    from idm.run.batches import in_batches
    from idm.run.conditioning import conditioning
    from idm.run.inputs import read_inputs
    from idm.run.labels import class_numbers, name_labels
    from idm.run.latents import Latents, is_latents
    from idm.storage.lock import locked

    opened = load(run, device=device, trust_code=trust_code)
    destination, process, asked = together(
        lambda: checked_file(out or file_in(run_folder(opened), LATENTS), ".safetensors"),
        lambda: inversion_process(opened.diffusion, steps),
        lambda: class_numbers(labels, opened.spec.class_names),
    )
    with usable_folder(destination.parent), locked(destination.parent, f".{destination.name}.lock"):
        if exists(destination) and not is_latents(destination):
            raise SettingsError(
                f"--out {destination}: a new file, or one that 'idm encode' wrote, wanted, got another one; move it "
                "away, or choose another name"
            )
        inputs = read_inputs(opened, images)
        kwargs = conditioning(opened, asked, inputs.labels)
        x = in_batches(
            lambda part, denoise: encode_images(process, denoise, part, progress=True),
            inputs.x,
            opened.denoiser(process, kwargs),
            batch_size,
            opened.device,
            what="latents",
        )
        y = kwargs.get("y")
        taken = process.num_timesteps
        latents = Latents(x, None if y is None else y.cpu(), taken, opened.spec.codec, str(run_folder(opened)))
        write_atomically(destination, latents.to_bytes())
    names = None if y is None else name_labels(y.tolist(), opened.spec.class_names)
    output = Output(as_json=as_json)
    rows: dict[str, object] = {
        "encoded": f"{counted(len(x), 'sample')}, {counted(taken, 'step')}",
        "latents": destination,
    }
    if names is not None:
        rows["classes"] = ", ".join(name or "no class" for name in names)
    output.pairs(rows)
    output.line()
    output.line(f"Next: {command('idm', 'decode', run, destination)}")
    output.finish(latents=destination, num=len(x), steps=taken, labels=names)
