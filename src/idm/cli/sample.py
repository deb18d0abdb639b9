"""``idm sample``: draw samples of a trained model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from idm.cli import condition_options, guiding, options
from idm.cli.groups import Doing
from idm.cli.guiding import GuideOptions
from idm.cli.output import Output
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.tasks.requests import SampleRequest
    from idm.tasks.sampling import Drawn


def sample(
    run_folder: options.RunArgument,
    num: options.NumSamples = 64,
    labels: options.Labels = None,
    condition: condition_options.OfSamples = None,
    seed: options.Seed = 0,
    sampler: options.SamplerName = None,
    steps: options.SamplerSteps = None,
    spacing: options.Spacing = None,
    plan: options.Plan = None,
    eta: options.Eta = None,
    variance: options.Variance = None,
    guidance: guiding.Guidance = 1.0,
    *,
    guide: GuideOptions,
    overrides: options.SamplerOverrides = None,
    batch_size: options.BatchSize = 256,
    trajectory: options.Trajectory = True,
    compile_: options.Compile = False,
    formats: options.Formats = None,
    out: options.OutFolder = None,
    precision: options.Precision = None,
    doing: Doing,
) -> None:
    """Draw samples: a picture of all, PNG files, exact values in samples.npz, an animation of the steps.

    Interrupted, it keeps the finished batches, and the same command goes on; torchrun shares them out among GPUs.
    """
    from idm.cli.data_options import options_of_conditions, parted
    from idm.tasks.requests import SampleRequest
    from idm.tasks.sampling import sample_into

    of_conditions, others = parted(overrides or [])
    settings, of_rule = sampler_options(others)
    settings |= options.given(name=sampler, steps=steps, spacing=spacing, plan=plan, eta=eta)
    called: dict[str, Any] = {"batch_size": batch_size, "compile": compile_, "precision": precision}
    guided: dict[str, Any] = {"guidance": guidance, "guide": of_rule | guide.asked, "variance": variance}
    written: dict[str, Any] = {"trajectory": trajectory, "formats": options.listed(formats)}
    asked: dict[str, Any] = {"labels": labels, "condition": condition, "seed": seed, "sampler": settings}
    asked["condition_source"] = options_of_conditions(of_conditions, condition)
    wanted = SampleRequest(num=num, **asked, **guided, **called, **written)
    drawn = sample_into(run_folder, wanted, out, **doing.for_task)
    if drawn is not None:
        _describe(doing.output, drawn, wanted)


def _describe(output: Output, drawn: "Drawn", wanted: "SampleRequest") -> None:
    from idm.cli.written import describe_results

    path, taken, calls = drawn.run.name, drawn.sampler.diffusion.num_timesteps, drawn.sampler.num_calls
    name, num = type(drawn.sampler).__name__, wanted.num
    made = f"{counted(taken, 'step')}, {counted(calls, 'call')} of the network"
    output.line(f"{counted(num, 'sample')} by {name}, {made}, from {path}")
    for note in filter(None, (str(drawn.run.guide), _instead(drawn, wanted.sampler))):
        output.line(note)
    describe_results(output, drawn)
    output.finish(num=num, steps=taken, calls=calls, seed=wanted.seed, checkpoint=path, **drawn.written)


def _instead(drawn: "Drawn", settings: Mapping[str, Any]) -> str:
    """Say that few steps were taken by another sampler than the run's own, which nobody named."""
    if "name" in settings:
        return ""
    own = drawn.run.experiment.sampler
    taken = drawn.run.sampler_settings({name: value for name, value in settings.items() if name != "plan"})
    if taken.name == own.name:
        return ""
    levels = "" if "plan" in settings else f" on {taken.spacing} levels"
    return f"few steps are taken by {taken.name}{levels}; --sampler {own.name} is the run's own"


def sampler_options(overrides: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read settings of the sampler, with or without the name of their section, and of the rule of guidance.

    "eta=0.3" and "sampler.eta=0.3" are one of the first kind, "guidance.eta=0.3" is one of the second.
    """
    from idm.settings.files import parse_override

    settings: dict[str, Any] = {}
    of_rule: dict[str, Any] = {}
    for override in overrides:
        plain = parse_override(override)
        if isinstance(plain.get("guidance"), dict):
            of_rule |= plain["guidance"]
            continue
        for name, value in (plain["sampler"] if isinstance(plain.get("sampler"), dict) else plain).items():
            before = settings.get(name)
            if isinstance(before, dict) and isinstance(value, dict):  # two options of the method of a restoration
                value = {**before, **value}
            settings[name] = value
    return settings, of_rule
