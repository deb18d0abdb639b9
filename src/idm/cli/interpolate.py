"""``idm interpolate``: walk from one image to another through the noise they come from."""

from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli.options import Device, InversionSteps, Json, OutFolder, RunArgument, TrustCode
from idm.cli.output import Output
from idm.core.text import counted

if TYPE_CHECKING:
    from torch import Tensor

    from idm.run import Run
    from idm.run.inputs import Inputs

End = Annotated[
    str,
    typer.Argument(metavar="IMAGE", help="An image file, a file with one array, or held-out:3.", show_default=False),
]


def interpolate(
    run: RunArgument,
    a: End,
    b: End,
    num: Annotated[int, typer.Option("--num", metavar="N", min=2, help="Images on the way, both ends included.")] = 9,
    label_a: Annotated[str | None, typer.Option("--label-a", metavar="CLASS", help="Class of the first image.")] = None,
    label_b: Annotated[
        str | None,
        typer.Option("--label-b", metavar="CLASS", help="Class of the second image; by default the first's."),
    ] = None,
    steps: InversionSteps = None,
    out: OutFolder = None,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Interpolate between two images.

    Both are encoded, and what lies between their codes is decoded. Without labels, a network that was trained with
    label dropout is given no class, so that the class can change on the way; with labels, every image on the way has
    the class of the nearer end.
    """
    from idm.cli.results import announce, describe_results, results_folder, sample_folder, save_samples, together
    from idm.core.tensors import require_finite
    from idm.editing import interpolate as interpolate_images
    from idm.editing import inversion_process
    from idm.run import load
    from idm.run.inputs import read_inputs
    from idm.run.labels import class_numbers

    opened = load(run, device=device, trust_code=trust_code)
    destination, process, first, second = together(
        lambda: results_folder(out, opened, "interpolated"),
        lambda: inversion_process(opened.diffusion, steps),
        lambda: class_numbers(label_a, opened.spec.class_names, "label-a"),
        lambda: class_numbers(label_b, opened.spec.class_names, "label-b"),
    )
    inputs = read_inputs(opened, [a, b])
    labels = _labels(opened, inputs, first or second, second or first)
    weights = [i / (num - 1) for i in range(num)]
    path = None if labels is None else labels[[round(weight) for weight in weights]]
    start, end = inputs.x.to(opened.device).split(1)
    output = Output(as_json=as_json)
    with sample_folder(destination, opened, num) as results:
        announce(output, results)
        x = interpolate_images(
            process,
            opened.denoiser(process, {} if labels is None else {"y": labels}),
            start,
            end,
            weights,
            path=opened.denoiser(process, {} if path is None else {"y": path}),
        )
        require_finite(x, "images on the way")
        named = None if path is None else path.tolist()
        written = results.put(
            f"{counted(num, 'image')} from {a} to {b}",
            lambda folder: save_samples(folder, opened, x, columns=num, labels=named),
        )
    output.line(f"{counted(num, 'image')} from {a} to {b}, {counted(process.num_timesteps, 'step')}")
    describe_results(output, opened, x, written)
    output.finish(num=num, steps=process.num_timesteps, **written)


def _labels(run: "Run", inputs: "Inputs", first: list[int] | None, second: list[int] | None) -> "Tensor | None":
    """Labels of the two ends [2]; None for a network without classes."""
    from idm.core.errors import DataError, SettingsError
    from idm.run.conditioning import conditioning

    if len(inputs.x) != 2:
        raise DataError(f"images: one sample in A and one in B wanted, got {len(inputs.x)} in all")
    if first is not None and second is not None:
        if len(first) != 1 or len(second) != 1:
            raise SettingsError("labels: one class for each end wanted, got several")
        return run.label_kwargs([first[0], second[0]], 2)["y"]
    try:
        return run.unlabelled_kwargs(2).get("y")
    except SettingsError:
        return conditioning(run, None, inputs.labels, "--label-a and --label-b").get("y")
