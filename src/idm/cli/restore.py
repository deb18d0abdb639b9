"""``idm restore``: draw samples that agree with what was observed of them."""

from typing import Annotated, Any

import typer

from idm.cli import completion, condition_options, options
from idm.cli.output import Output
from idm.cli.sample import sampler_options
from idm.core.errors import SettingsError

Observations = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="OBSERVED",
        help="Pictures, arrays, NIfTI files or tables of what was observed, or folders of them; or files of any other "
        "kind that 'idm train --data' reads. With --simulate whole samples that are observed first, "
        "also those of the run's own data: held-out:0-7 --simulate.",
        show_default=False,
    ),
]
Operator = Annotated[
    str,
    typer.Option(
        "--operator",
        metavar="NAME:VALUE",
        help="How samples were observed: mask:hole.png (white, transparent or not 0 hides), mask (transparent pixels "
        "or NaN hide), channels:0,2 (those that are there), downsample:4, blur:1.5, fourier:4,8, matrix:A.npy, or a "
        "function of yours, MODULE:FUNCTION, which is imported and called.",
        show_default=False,
        autocompletion=completion.operators,
    ),
]
Noise = Annotated[
    float,
    typer.Option("--noise", metavar="X", min=0, help="Standard deviation of the observations, in the data's units."),
]
Draws = Annotated[
    int | None,
    options.number("--num", "Samples of each observation; 8 by default, 19 with --check-coverage.", 1),
]
MethodName = Annotated[
    str | None,
    options.named(
        "--method",
        "How observations are heeded: pigdm by default, dps for functions; docs/restoration.md: what each gets wrong.",
        completion.methods,
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="CLASSES",
        help="Classes of the observations, in turn. Where neither they nor --method are said, each draw has one that "
        "explains what was observed.",
    ),
]
ClassParticles = Annotated[
    int | None,
    options.number(
        "--class-particles",
        "Particles of each likely class by which such classes are found: 64 by default; 0, the default with --method: "
        "draws are told none.",
        0,
    ),
]
Simulate = Annotated[
    bool,
    options.switch("--simulate", "Observe whole samples first: a trial whose answer is shown beside."),
]
CheckCoverage = Annotated[
    int,
    typer.Option(
        "--check-coverage",
        metavar="N",
        min=0,
        help="In place of OBSERVED: observe and restore N held-out samples; say how often the draws hold the truth.",
        show_default=False,
    ),
]
Sampler = Annotated[
    str | None,
    options.named(
        "--sampler",
        "ddpm, ddim, multistep or heun; by default multistep with noise, ddpm for tds.",
        completion.samplers,
    ),
]
Steps = Annotated[int | None, options.number("--steps", "Steps to take, 0 for all; 40 by default.", 0)]
MoreOverrides = Annotated[
    list[str] | None,
    options.setting(
        "Change one setting of the method, method.jumps=20, of the sampler, eta=0.5, or of how --condition is read, "
        "condition.key=low; repeatable.",
        completion.sampler_settings,
    ),
]


def restore(
    run_folder: options.RunArgument,
    operator: Operator,
    observed: Observations = None,
    noise: Noise = 0.0,
    num: Draws = None,
    method: MethodName = None,
    labels: Classes = None,
    condition: condition_options.OfObservations = None,
    class_particles: ClassParticles = None,
    seed: options.Seed = 0,
    sampler: Sampler = None,
    steps: Steps = None,
    overrides: MoreOverrides = None,
    simulate: Simulate = False,
    check_coverage: CheckCoverage = 0,
    batch_size: options.BatchSize = 64,
    out: options.OutFolder = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Restore samples: fill holes, add missing channels, enlarge, deblur; several answers each, and how they differ.

    Results come in the kind of file that the observations came in, with what that says: a volume in its place, a field
    with its coordinates. Interrupted, it keeps the finished batches, and the same command goes on.
    """
    from idm.cli.data_options import options_of_conditions, parted
    from idm.cli.written import describe_restored, finish_restored
    from idm.core.terminal import TERMINAL
    from idm.tasks import RestoreRequest, restore_into
    from idm.tasks.restoring import LEAST_DRAWS

    covers, trial = check_coverage > 0, simulate or check_coverage > 0
    names = cases(observed or [], check_coverage)
    count = num or (LEAST_DRAWS if covers else 8)
    of_conditions, others = parted(overrides or [])
    (own, settings), output = method_and_sampler(others, sampler, steps), Output(as_json=as_json)
    how = (seed, trial, batch_size, covers, condition, options_of_conditions(of_conditions, condition), class_particles)
    wanted = RestoreRequest(operator, noise, count, method, own, settings, labels, *how)
    given: dict[str, Any] = {"device": device, "trust_code": trust_code, "listener": TERMINAL, "say": output.line}
    made = restore_into(run_folder, names, wanted, out, **given)
    describe_restored(output, made)
    finish_restored(output, made)


def cases(observed: list[str], check_coverage: int) -> list[str]:
    """Return the names of what was observed, or of the held-out samples that coverage is checked on.

    Raises:
        SettingsError: neither or both are given, or too few samples.
    """
    if check_coverage == 1 or (check_coverage > 0) == bool(observed):
        got = "one sample" if check_coverage == 1 else "both" if observed else "neither"
        raise SettingsError(
            f"observed: files of observations, or check_coverage of at least 2 held-out samples, wanted, got {got}"
        )
    return observed or [f"held-out:0-{check_coverage - 1}"]


def method_and_sampler(
    overrides: list[str] | None, sampler: str | None, steps: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read settings of a method, and of a sampler, of which some have options of their own.

    Raises:
        SettingsError: a rule of guidance, which a posterior has none of.
    """
    settings, of_guidance = sampler_settings(overrides, sampler, steps)
    if of_guidance:
        raise SettingsError(
            f"guidance.{next(iter(of_guidance))}: settings of the method or the sampler wanted; nothing restored is "
            "guided, as draws from a posterior are not"
        )
    return settings.pop("method", {}), settings


def sampler_settings(
    overrides: list[str] | None, sampler: str | None, steps: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read settings of a sampler, and of the rule of guidance."""
    settings, of_rule = sampler_options(overrides or [])
    named = {"name": sampler, "steps": steps}
    return settings | {name: value for name, value in named.items() if value is not None}, of_rule
