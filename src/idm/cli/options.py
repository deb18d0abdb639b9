"""Arguments and options that several verbs share. Imports no torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from idm.cli import completion

RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or one checkpoint in it.", show_default=False)
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; by default one in RUN.")
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="cpu, cuda, mps, ...; the best one found by default.",
        autocompletion=completion.devices,
    ),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON for programs instead of text for people.")]


def _settings_option(meaning: str, complete: Callable[[str], list[str]]) -> Any:
    """Make the option that is given once for each setting."""
    return typer.Option("--set", metavar="PATH=VALUE", help=meaning, autocompletion=complete)


Overrides = Annotated[
    list[str] | None,
    _settings_option(
        "Change one setting, repeatable: training.num_steps=300, or num_steps=300; 'idm config' lists all.",
        completion.settings,
    ),
]
SamplerOverrides = Annotated[
    list[str] | None,
    _settings_option(
        "Change one setting of the sampler, repeatable; 'idm config sampler' lists them; of guidance: guidance.eta=0.",
        completion.sampler_settings,
    ),
]
DataOverrides = Annotated[
    list[str] | None,
    _settings_option(
        "Change one setting of the data, repeatable: data.source.channels=first, or channels=first; "
        "'idm config data' lists all.",
        completion.data_settings,
    ),
]
SourceOverrides = Annotated[
    list[str] | None,
    _settings_option(
        "With --data: one setting of how it is read, repeatable: data.source.key=images, or key=images; "
        "'idm config data.source' lists all.",
        completion.data_settings,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, max=2**31 - 1, help="Sample i is drawn from seed + i.")
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="float32, or bfloat16: faster, results differ slightly; as trained by default.",
        autocompletion=completion.precisions,
    ),
]
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        metavar="",
        help="Import and call the code that the run's custom source or network names; see 'idm config'.",
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", metavar="N", min=1, help="Samples per call of the network.")]
Variance = Annotated[
    str | None,
    typer.Option(
        "--variance",
        metavar="NAME",
        help="Of reverse steps: model (the default); by error curves, for ddpm and ddim: analytic, analytic_channel, "
        "analytic_position (the last two after 'idm calibrate').",
        autocompletion=completion.variances,
    ),
]
Plan = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="NAME",
        help="Levels chosen for this run, in place of a spacing: trajectory (of the best samples), likelihood (of the "
        "smallest bound, after 'idm calibrate'), or the name of a plan that was kept, as 'idm info' lists them.",
        autocompletion=completion.plans,
    ),
]
Calls = Annotated[int, typer.Option("--calls", metavar="N", min=1, max=20, help="Calls of the network, and steps.")]
Spacing = Annotated[
    str | None,
    typer.Option(
        "--spacing",
        metavar="NAME",
        help="Levels that samples visit: linspace, log_snr, rho, ...; the run's own by default.",
        autocompletion=completion.spacings,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="CLASSES", help="Classes by name, number or range, taken in turn; all by default."
    ),
]
NewLabels = Annotated[
    str | None,
    typer.Option("--labels", metavar="CLASSES", help="Other classes than they were encoded with, in turn."),
]
KnownLabels = Annotated[
    str | None,
    typer.Option("--labels", metavar="CLASSES", help="Classes of the images, in turn; no class by default."),
]
SamplerName = Annotated[
    str | None,
    typer.Option(
        "--sampler",
        metavar="NAME",
        help="ddpm, ddim, multistep, heun, or fitted (after 'idm fit-solver'); by default the run's own, and multistep "
        "for --steps of at most 20.",
        autocompletion=completion.samplers,
    ),
]
SamplerSteps = Annotated[
    int | None,
    typer.Option("--steps", metavar="N", min=0, help="Steps to take, 0 for all; the run's own number by default."),
]
Eta = Annotated[
    float | None, typer.Option("--eta", metavar="X", help="Share of noise in DDIM, 0 (deterministic) to 1.")
]
Guidance = Annotated[
    float, typer.Option("--guidance", metavar="X", help="Classifier-free guidance; 1 is off, more exaggerates.")
]
GuidanceForSamples = Annotated[
    float,
    typer.Option(
        "--guidance", metavar="X", help="For --samples: classifier-free guidance; 1 is off. The bound is without it."
    ),
]
GuidanceRule = Annotated[
    str,
    typer.Option(
        "--guidance-rule",
        metavar="NAME",
        help="How two predictions are combined: linear, rescale, apg, cfg_zero; options by --set guidance.phi=0.7.",
        autocompletion=completion.guidance_rules,
    ),
]
GuidanceInterval = Annotated[
    str | None,
    typer.Option("--guidance-interval", metavar="LOW,HIGH", help="Noise-to-signal ratios that are guided; all."),
]
Autoguidance = Annotated[
    float,
    typer.Option(
        "--autoguidance", metavar="X", help="Guidance by a worse version of the network, without classes; 1 is off."
    ),
]
AutoguidanceFrom = Annotated[
    str | None,
    typer.Option(
        "--autoguidance-from",
        metavar="STEP",
        help="That version: the step of an earlier checkpoint or average, or other weights of the same step, such as "
        "network or power-0.05; by default the step nearest to a quarter of the run's.",
    ),
]
ClassifierScale = Annotated[
    float,
    typer.Option("--classifier-scale", metavar="X", help="Guidance by a classifier of noisy data; 0 is off."),
]
Classifier = Annotated[
    str | None,
    typer.Option(
        "--classifier",
        metavar="MODULE:NAME",
        help="A function that returns its logits, which is imported and called; that of 'idm train-classifier' by "
        "default.",
    ),
]
ClassifierSteps = Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Optimiser steps.")]
Trajectory = Annotated[
    bool, typer.Option("--trajectory/--no-trajectory", metavar="", help="Write an animation of the steps.")
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile",
        metavar="",
        help="Use torch.compile; worth it for thousands of samples: the first batch takes minutes.",
    ),
]
NumSamples = Annotated[int, typer.Option("--num", metavar="N", min=1, help="How many samples.")]
NumOnTheWay = Annotated[int, typer.Option("--num", metavar="N", min=2, help="Images on the way, both ends included.")]
NumHeldOut = Annotated[int, typer.Option("--num", metavar="N", min=0, help="Held-out samples to score; 0: all.")]
OtherData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Score other data in place of the held-out samples: images in a folder, a CSV file or tar shards; "
        "or NPY, NPZ, HDF5, Zarr, NIfTI, TIFF, Parquet or a saved Hugging Face data set. Of data in parts, such as "
        "train and test, the part to test.",
    ),
]
BoundSteps = Annotated[
    int, typer.Option("--steps", metavar="N", min=0, help="Bound of a chain of N steps; 0: of the whole chain.")
]
NumCalibrated = Annotated[
    int, typer.Option("--num", metavar="N", min=0, help="Training samples to measure on, the first ones; 0: all.")
]
NumLevels = Annotated[int, typer.Option("--levels", metavar="N", min=1, help="Noise levels to measure at.")]
DataToCalibrate = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Measure on other data than the run's own training samples, as of 'idm evaluate'; imported weights have "
        "none of their own.",
    ),
]
NumRecognised = Annotated[
    int,
    typer.Option("--samples", metavar="N", min=0, help="Draw N samples too, and let a classifier recognise them."),
]
SamplerForSamples = Annotated[
    str | None,
    typer.Option(
        "--sampler",
        metavar="NAME",
        help="For --samples; by default the run's own, and multistep for --sampler-steps of at most 20.",
        autocompletion=completion.samplers,
    ),
]
StepsForSamples = Annotated[
    int | None, typer.Option("--sampler-steps", metavar="N", min=0, help="For --samples; 0: all.")
]
InversionSteps = Annotated[
    int | None,
    typer.Option("--steps", metavar="N", min=1, help="DDIM steps: more of them, smaller errors; 100 if not given."),
]
