"""``idm restore``: draw samples that agree with what was observed of them."""

from typing import Annotated, Any

import typer

from idm.cli import completion, options
from idm.cli.output import Output
from idm.cli.sample import sampler_options
from idm.core.text import counted

Observations = Annotated[
    list[str],
    typer.Argument(
        metavar="OBSERVED...",
        help="Pictures, .npy, .npz or NIfTI files of what was observed, or folders of them; with --simulate whole "
        "samples, also held-out:0-7 of the run's own data.",
        show_default=False,
    ),
]
Operator = Annotated[
    str,
    typer.Option(
        "--operator",
        metavar="NAME:VALUE",
        help="How samples were observed: mask:hole.png (white, transparent or not 0 hides), mask (transparent pixels or "
        "NaN hide), channels:0,2 (those that are there), downsample:4, blur:1.5, fourier:4,8, matrix:A.npy, or a "
        "function of yours, MODULE:FUNCTION, which is imported and called.",
        show_default=False,
        autocompletion=completion.operators,
    ),
]
Noise = Annotated[
    float,
    typer.Option("--noise", metavar="X", min=0, help="Standard deviation of the observations, in the data's units."),
]
Draws = Annotated[int, typer.Option("--num", metavar="N", min=1, help="Samples of each observation.")]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="How observations are heeded; docs/rooms/restoration.md says what each gets wrong.",
        autocompletion=completion.methods,
    ),
]
Simulate = Annotated[
    bool,
    typer.Option("--simulate", metavar="", help="Observe whole samples first: a trial whose answer is shown beside."),
]
MoreOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one setting of the method, method.jumps=20, or of the sampler, eta=0.5; repeatable.",
        autocompletion=completion.sampler_settings,
    ),
]


def restore(
    run: options.RunArgument,
    observed: Observations,
    operator: Operator,
    noise: Noise = 0.0,
    num: Draws = 8,
    method: MethodName = None,
    labels: options.KnownLabels = None,
    seed: options.Seed = 0,
    sampler: options.SamplerName = None,
    steps: options.SamplerSteps = None,
    overrides: MoreOverrides = None,
    simulate: Simulate = False,
    batch_size: options.BatchSize = 64,
    out: options.OutFolder = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Restore samples: fill holes, add missing channels, enlarge, deblur; several answers each, and how they differ.

    Results come as the observations did: pictures, arrays, or NIfTI volumes in their place. Interrupted, it keeps the
    finished batches, and the same command goes on.
    """
    from idm.cli.written import describe_restored
    from idm.core.terminal import TERMINAL
    from idm.run.method_settings import DEFAULT_METHOD
    from idm.tasks import RestoreRequest, restore_into

    settings = sampler_settings(overrides, sampler, steps)
    own: Any = settings.pop("method", {})
    wanted = RestoreRequest(
        operator, noise, num, method or DEFAULT_METHOD, own, settings, labels, seed, simulate, batch_size
    )
    output = Output(as_json=as_json)
    made = restore_into(
        run, observed, wanted, out, device=device, trust_code=trust_code, listener=TERMINAL, say=output.line
    )
    describe_restored(output, made)
    output.finish(num=num, calls=made.draws.steps, seed=seed, checkpoint=made.run.name, **made.written)


def sampler_settings(overrides: list[str] | None, sampler: str | None, steps: int | None) -> dict[str, Any]:
    """Read settings of a sampler, of which some have options of their own."""
    named = {"name": sampler, "steps": steps}
    return sampler_options(overrides or []) | {name: value for name, value in named.items() if value is not None}
