"""``idm encode``: carry images to the noise that they could have been made from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli import guiding, inverting, options
from idm.cli.guiding import GuideOptions
from idm.cli.output import Output
from idm.cli.sample import sampler_options
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.tasks.editing import Encoded

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES",
        help="Files or folders of samples, of any kind that 'idm train --data' reads, or held-out:0-7 of the run's "
        "own.",
        show_default=False,
    ),
]
LatentsFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="A .safetensors file; by default latents.safetensors in RUN."),
]


def encode(
    run_folder: options.RunArgument,
    images: Images,
    method: inverting.InversionMethod = None,
    steps: inverting.InversionSteps = None,
    spacing: inverting.InversionSpacing = None,
    seed: inverting.InversionSeed = 0,
    labels: options.KnownLabels = None,
    guidance: guiding.Guidance = 1.0,
    *,
    guide: GuideOptions,
    overrides: inverting.InversionOverrides = None,
    out: LatentsFile = None,
    batch_size: options.BatchSize = 256,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Encode samples into latents, which 'idm decode' turns back into samples."""
    from idm.core.terminal import TERMINAL
    from idm.tasks import EncodeRequest, encode_into

    inversion, of_rule = inversion_settings(overrides, method, steps, spacing)
    wanted = EncodeRequest(labels, inversion, seed, batch_size, {"guidance": guidance} | guide.asked | of_rule)
    found = encode_into(run_folder, images, wanted, out, device=device, trust_code=trust_code, listener=TERMINAL)
    _describe(Output(as_json=as_json), run_folder, found)


def _describe(output: Output, run_folder: Path, found: "Encoded") -> None:
    """Tell people what was encoded, and how."""
    from idm.core.text import in_counts
    from idm.run.labels import name_labels

    latents, y = found.latents, found.latents.labels
    names = None if y is None else name_labels(y.tolist(), found.run.class_names)
    rows: dict[str, object] = {
        "encoded": f"{counted(len(latents.x), 'sample')}, {counted(latents.steps, 'step')} of {latents.spacing}",
        "method": latents.method,
        "latents": found.path,
    }
    if names is not None:
        rows["classes"] = in_counts([name or "no class" for name in names])
    if latents.guide is not None:
        rows["guidance"] = latents.guide.words
    output.pairs(rows)
    output.next("decode", run_folder, found.path)
    way = {"method": latents.method, "steps": latents.steps, "spacing": latents.spacing}
    output.finish(latents=found.path, num=len(latents.x), **way, labels=names)


def inversion_settings(
    overrides: list[str] | None, method: str | None, steps: int | None, spacing: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read settings of an inversion, and of the rule of guidance."""
    settings, of_rule = sampler_options(overrides or [])
    named = {"method": method, "steps": steps, "spacing": spacing}
    return settings | {name: value for name, value in named.items() if value is not None}, of_rule
