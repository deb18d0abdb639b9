"""``idm interpolate``: walk from one image to another through the noise they come from."""

from typing import Annotated, Any

import typer

from idm.cli import guiding, inverting, options
from idm.cli.encode import inversion_settings
from idm.cli.guiding import GuideOptions
from idm.cli.output import Output
from idm.core.text import counted

End = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE",
        help="A file of one sample, of any kind that 'idm train --data' reads, or held-out:3.",
        show_default=False,
    ),
]
LabelA = Annotated[str | None, typer.Option("--label-a", metavar="CLASS", help="Class of the first image.")]
LabelB = Annotated[
    str | None,
    typer.Option("--label-b", metavar="CLASS", help="Class of the second image; by default the first's."),
]


def interpolate(
    run_folder: options.RunArgument,
    a: End,
    b: End,
    num: options.NumOnTheWay = 9,
    label_a: LabelA = None,
    label_b: LabelB = None,
    method: inverting.InversionMethod = None,
    steps: inverting.InversionSteps = None,
    spacing: inverting.InversionSpacing = None,
    guidance: guiding.Guidance = 1.0,
    seed: inverting.InversionSeed = 0,
    *,
    guide: GuideOptions,
    overrides: inverting.InversionOverrides = None,
    out: options.OutFolder = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Interpolate between two samples.

    Both are encoded, and what lies between their codes is decoded. Without labels, a network trained with label dropout
    is given no class, so that the class can change on the way; with labels, each image has that of the nearer end.
    Results come in the kind of file of both, where these say the same.
    """
    from idm.cli.written import describe_results
    from idm.core.terminal import TERMINAL
    from idm.tasks import InterpolateRequest, interpolate_into

    output = Output(as_json=as_json)
    inversion, of_rule = inversion_settings(overrides, method, steps, spacing)
    rules = {"guidance": guidance} | guide.asked | of_rule
    wanted = InterpolateRequest(num, label_a, label_b, inversion, seed, rules)
    given: dict[str, Any] = {"device": device, "trust_code": trust_code, "listener": TERMINAL, "say": output.line}
    made = interpolate_into(run_folder, a, b, wanted, out, **given)
    output.line(f"{counted(num, 'sample')} from {a} to {b}, {counted(made.steps, 'step')}")
    describe_results(output, made)
    output.finish(num=num, steps=made.steps, **made.written)
