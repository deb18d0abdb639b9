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
        "Change one setting of the sampler, repeatable; 'idm config sampler' lists them.", completion.sampler_settings
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
        help="Import and call the code that the run's custom source names; see 'idm config'.",
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", metavar="N", min=1, help="Samples per call of the network.")]
Spacing = Annotated[
    str | None,
    typer.Option(
        "--spacing",
        metavar="NAME",
        help="Levels that samples visit: linspace, log_snr, rho, ...; the run's own by default.",
        autocompletion=completion.spacings,
    ),
]
InversionSteps = Annotated[
    int | None,
    typer.Option("--steps", metavar="N", min=1, help="DDIM steps: more of them, smaller errors; 100 if not given."),
]
