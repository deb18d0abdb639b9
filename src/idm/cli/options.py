"""Arguments and options that several verbs share. Imports no torch."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idm.cli import completion
from idm.cli.completion import Complete


def given(**values: Any) -> dict[str, Any]:
    """Return the values that were given."""
    return {name: value for name, value in values.items() if value is not None}


def listed(names: str | None) -> list[str] | None:
    """Return names between commas; None where nothing was given."""
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def named(flag: str, meaning: str, complete: Complete) -> Any:
    """Make an option that takes one of several names, which the shell completes."""
    return typer.Option(flag, metavar="NAME", help=meaning, autocompletion=complete)


def number(flag: str, meaning: str, least: int, most: int | None = None) -> Any:
    """Make an option that takes a whole number, with its bounds."""
    return typer.Option(flag, metavar="N", min=least, max=most, help=meaning)


def switch(flag: str, meaning: str) -> Any:
    """Make an option that takes nothing."""
    return typer.Option(flag, metavar="", help=meaning)


def setting(meaning: str, complete: Complete) -> Any:
    """Make the option that is given once for each setting."""
    return typer.Option("--set", metavar="PATH=VALUE", help=meaning, autocompletion=complete)


RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or one checkpoint in it.", show_default=False)
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; by default one in RUN.")
]
Device = Annotated[
    str | None, named("--device", "cpu, cuda, mps, ...; the best one found by default.", completion.devices)
]
Json = Annotated[bool, switch("--json", "Print JSON for programs instead of text for people.")]
Overrides = Annotated[
    list[str] | None,
    setting(
        "Change one setting, repeatable: training.num_steps=300, or num_steps=300; 'idm config' lists all.",
        completion.settings,
    ),
]
SamplerOverrides = Annotated[
    list[str] | None,
    setting(
        "Change one setting of the sampler, repeatable; 'idm config sampler' lists them; of guidance: guidance.eta=0; "
        "of how --condition is read: condition.key=low.",
        completion.sampler_settings,
    ),
]
DataOverrides = Annotated[
    list[str] | None,
    setting(
        "Change one setting of the data, repeatable: data.source.channels=first, or channels=first; "
        "'idm config data' lists all.",
        completion.data_settings,
    ),
]
SourceOverrides = Annotated[
    list[str] | None,
    setting(
        "With --data or --against: one setting of how it is read, repeatable: data.source.key=images, or key=images; "
        "'idm config data.source' lists all; of how --condition is read: condition.key=low.",
        completion.data_settings,
    ),
]
Seed = Annotated[int, number("--seed", "Sample i is drawn from seed + i.", 0, 2**31 - 1)]
Precision = Annotated[
    str | None,
    named(
        "--precision",
        "float32, or bfloat16: faster, results differ slightly; as trained by default.",
        completion.precisions,
    ),
]
TrustCode = Annotated[
    bool,
    switch("--trust-code", "Import and call the code that the run's custom source or network names; see 'idm config'."),
]
BatchSize = Annotated[int, number("--batch-size", "Samples per call of the network.", 1)]
Variance = Annotated[
    str | None,
    named(
        "--variance",
        "Of reverse steps: model (the default); by error curves, for bounds, ddpm, ddim and multistep of order=1 with "
        "corrector=false: analytic, analytic_channel, analytic_position (the last two after 'idm calibrate'); npr, sn "
        "(after 'idm calibrate --head npr'). With one of these the run's own sampler takes few steps, too.",
        completion.variances,
    ),
]
Plan = Annotated[
    str | None,
    named(
        "--plan",
        "Levels chosen for this run, in place of a spacing: trajectory (of the best samples), likelihood (of the "
        "smallest bound, after 'idm calibrate'), or the name of a plan that was kept, as 'idm info' lists them.",
        completion.plans,
    ),
]
Calls = Annotated[int, number("--calls", "Calls of the network, and steps.", 1, 20)]
Spacing = Annotated[
    str | None,
    named(
        "--spacing",
        "Levels that samples visit: linspace, log_snr, rho, ...; the run's own by default.",
        completion.spacings,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="LABELS", help="Classes by name, number or range, or numbers (age=63;age=20), in turn."
    ),
]
NewLabels = Annotated[
    str | None, typer.Option("--labels", metavar="CLASSES", help="Other classes than they were encoded with, in turn.")
]
KnownLabels = Annotated[
    str | None, typer.Option("--labels", metavar="CLASSES", help="Classes of the images, in turn; no class by default.")
]
SamplerName = Annotated[
    str | None,
    named(
        "--sampler",
        "ddpm, ddim, multistep, heun, or fitted (after 'idm fit-solver'); by default the run's own, and multistep "
        "for --steps of at most 20.",
        completion.samplers,
    ),
]
SamplerSteps = Annotated[int | None, number("--steps", "Steps to take, 0 for all; the run's own number by default.", 0)]
Eta = Annotated[
    float | None, typer.Option("--eta", metavar="X", help="Share of noise in DDIM, 0 (deterministic) to 1.")
]
Trajectory = Annotated[bool, switch("--trajectory/--no-trajectory", "Write an animation of the steps.")]
Compile = Annotated[
    bool, switch("--compile", "Use torch.compile; worth it for thousands of samples: the first batch takes minutes.")
]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAMES",
        help="Formats of files besides pictures and samples.npz, with commas between: csv, fits, gif, hdf5, netcdf, "
        "nifti, png (a folder for each class), tiff, wav, webp; by default that of the data, npz for none.",
        autocompletion=completion.formats,
    ),
]
NumSamples = Annotated[int, number("--num", "How many samples.", 1)]
NumOnTheWay = Annotated[int, number("--num", "Images on the way, both ends included.", 2)]
NumHeldOut = Annotated[int, number("--num", "Held-out samples to score; 0: all.", 0)]
OTHER_DATA = (
    "Score other data in place of the held-out samples: images in a folder, a CSV file or tar shards; "
    "or CSV files of numbers, IDX, NPY, NPZ, HDF5, Zarr, NIfTI, DICOM, FITS, NetCDF, TIFF, WAV, FLAC, EDF, Parquet "
    "or a saved Hugging Face data set. Of data in parts, such as train and test, the part to test."
)
"""What other data are, for people."""

OtherData = Annotated[str | None, typer.Option("--data", metavar="PATH", help=OTHER_DATA)]
SeveralData = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="PATH", help=f"{OTHER_DATA} May be given several times, for one table of all sets."),
]
Budget = Annotated[
    int,
    number(
        "--budget",
        "Estimate the bound from N calls of the network for each sample, an even number from 4 on; 0: all terms.",
        0,
    ),
]
BoundSteps = Annotated[int, number("--steps", "Bound of a chain of N steps; 0: of the whole chain.", 0)]
NumCalibrated = Annotated[int, number("--num", "Training samples to measure on, the first ones; 0: all.", 0)]
NumLevels = Annotated[int, number("--levels", "Noise levels to measure at.", 1)]
Head = Annotated[
    str | None,
    named(
        "--head",
        "Train a small network to predict the error, too: npr (of the residual of the noise), sn (of its square).",
        completion.heads,
    ),
]
HeadSteps = Annotated[int | None, number("--steps", "With --head: steps of the optimiser; 300 by default.", 1)]
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
    int, number("--samples", "Draw N samples too, for metrics that look at them; by default a classifier does.", 0)
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="NAMES",
        help="What is measured, with commas between: bound, flow, classifier, frechet, kid, precision_recall, "
        "density_coverage, diversity, modes, two_sample, sliced_wasserstein, spectrum, values, memorisation, levels, "
        "or MODULE:CALLABLE of your own, which is imported and run; bound if not given, and with --samples classifier.",
        autocompletion=completion.metrics,
    ),
]
Features = Annotated[
    str | None,
    named(
        "--features",
        "What metrics compare of samples: pca (the default), pca:50, values, random, classifier (after 'idm "
        "train-classifier'; without RUN classifier:RUN), a file of TorchScript (.pt) or torch.export (.pt2), a folder "
        "with a DINOv2, or MODULE:FUNCTION of your own; files of code and functions are run.",
        completion.features,
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Keep features of real data in this folder, for the next time that they are compared.",
    ),
]
SamplerForSamples = Annotated[
    str | None,
    named(
        "--sampler",
        "For --samples; by default the run's own, and multistep for --sampler-steps of at most 20.",
        completion.samplers,
    ),
]
StepsForSamples = Annotated[int | None, number("--sampler-steps", "For --samples; 0: all.", 0)]
