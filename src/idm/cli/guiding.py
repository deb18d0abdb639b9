"""Options that guide samples. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from idm.cli import completion
from idm.cli.options import given, named, number
from idm.core.errors import SettingsError
from idm.core.text import shown

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
    named(
        "--guidance-rule",
        "How two predictions are combined: linear, rescale, apg, cfg_zero; options by --set guidance.phi=0.7.",
        completion.guidance_rules,
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
ClassifierSteps = Annotated[int, number("--steps", "Optimiser steps.", 1)]


@dataclass(frozen=True)
class GuideOptions:
    """What guides samples besides classes."""

    guidance_rule: GuidanceRule = "linear"
    guidance_interval: GuidanceInterval = None
    autoguidance: Autoguidance = 1.0
    autoguidance_from: AutoguidanceFrom = None
    classifier_scale: ClassifierScale = 0.0
    classifier: Classifier = None

    @property
    def asked(self) -> dict[str, Any]:
        """What was given, by name."""
        return given(**{**vars(self), "guidance_interval": interval_of(self.guidance_interval)})


def interval_of(text: str | None) -> tuple[float, float] | None:
    """Read "LOW,HIGH".

    Raises:
        SettingsError: something else.
    """
    if text is None:
        return None
    low, _, high = text.partition(",")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise SettingsError(
            f"guidance_interval: two noise-to-signal ratios LOW,HIGH wanted, such as 0.2,5, got {shown(text)}"
        ) from error
