"""``idm sample``: draw samples of a trained model."""

from typing import TYPE_CHECKING, Any

from idm.cli import guiding, options
from idm.cli.output import Output
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.tasks.sampling import Drawn


def sample(
    run: options.RunArgument,
    num: options.NumSamples = 64,
    labels: options.Labels = None,
    seed: options.Seed = 0,
    sampler: options.SamplerName = None,
    steps: options.SamplerSteps = None,
    spacing: options.Spacing = None,
    plan: options.Plan = None,
    eta: options.Eta = None,
    variance: options.Variance = None,
    guidance: guiding.Guidance = 1.0,
    guidance_rule: guiding.GuidanceRule = "linear",
    guidance_interval: guiding.GuidanceInterval = None,
    autoguidance: guiding.Autoguidance = 1.0,
    autoguidance_from: guiding.AutoguidanceFrom = None,
    classifier_scale: guiding.ClassifierScale = 0.0,
    classifier: guiding.Classifier = None,
    overrides: options.SamplerOverrides = None,
    batch_size: options.BatchSize = 256,
    trajectory: options.Trajectory = True,
    compile_: options.Compile = False,
    out: options.OutFolder = None,
    precision: options.Precision = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Draw samples: a picture of all, PNG files, exact values in samples.npz, an animation of the steps.

    Interrupted, it keeps the finished batches, and the same command goes on; torchrun shares them out among GPUs.
    """
    from idm.cli.written import describe_results
    from idm.core.terminal import TERMINAL
    from idm.tasks.requests import SampleRequest
    from idm.tasks.sampling import sample_into

    given = {"name": sampler, "steps": steps, "spacing": spacing, "plan": plan, "eta": eta}
    output = Output(as_json=as_json)
    asked = {
        "guidance_rule": guidance_rule,
        "guidance_interval": guiding.interval_of(guidance_interval),
        "autoguidance": autoguidance,
        "autoguidance_from": autoguidance_from,
        "classifier_scale": classifier_scale,
        "classifier": classifier,
    }
    changes, of_rule = sampler_options(overrides or [])
    settings = changes | {name: value for name, value in given.items() if value is not None}
    guide = of_rule | {name: value for name, value in asked.items() if value is not None}
    wanted = SampleRequest(
        num, labels, seed, guidance, settings, batch_size, trajectory, compile_, precision, variance, guide
    )
    drawn = sample_into(run, wanted, out, device=device, trust_code=trust_code, listener=TERMINAL, say=output.line)
    if drawn is None:
        return
    path, taken, calls = drawn.run.name, drawn.sampler.diffusion.num_timesteps, drawn.sampler.num_calls
    name = type(drawn.sampler).__name__
    made = f"{counted(taken, 'step')}, {counted(calls, 'call')} of the network"
    output.line(f"{counted(num, 'sample')} by {name}, {made}, from {path}")
    for note in filter(None, (str(drawn.run.guide), _instead(drawn, settings))):
        output.line(note)
    describe_results(output, drawn)
    output.finish(num=num, steps=taken, calls=calls, seed=seed, checkpoint=path, **drawn.written)


def _instead(drawn: "Drawn", settings: dict[str, Any]) -> str:
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
