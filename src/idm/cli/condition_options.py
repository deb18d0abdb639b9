"""Options that give the conditions of samples."""

from typing import Annotated

import typer


def _option(meaning: str) -> typer.models.OptionInfo:
    return typer.Option("--condition", metavar="PATH", help=meaning)


OfData = Annotated[
    str | None,
    _option("A field to show the network beside each sample, such as a coarse one: as many, in the same order."),
]
OfSamples = Annotated[
    str | None, _option("Conditions, in turn, for a run that is told such; those of its held-out data by default.")
]
OfOtherData = Annotated[str | None, _option("With --data: its conditions, for a run that is told such.")]
OfSeveralData = Annotated[
    list[str] | None,
    _option("With --data: its conditions, for a run that is told such; with several --data as many, in their order."),
]
OfObservations = Annotated[
    str | None, _option("Conditions of a run that is told such: one for each, or one for all; FILE#12-14 chooses some.")
]
