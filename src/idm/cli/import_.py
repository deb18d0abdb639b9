"""``idm import``: published weights of improved-diffusion, as a run."""

from pathlib import Path
from typing import Annotated

import typer

from idm.cli.options import Json
from idm.cli.output import Output
from idm.core.outputs import checked_folder

FEW_STEPS = 25
"""Steps to look at imported weights with, where their chain has as many."""


def import_(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A .pt file of improved-diffusion.", show_default=False)
    ],
    flags: Annotated[
        Path | None, typer.Option("--flags", metavar="FLAGS", help="JSON file with the flags it was trained with.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="Folder of the run to write.")] = None,
    as_json: Json = False,
) -> None:
    """Turn published weights of improved-diffusion into a run that 'idm sample' understands.

    FLAGS is a JSON object such as {"image_size": 64, "num_channels": 128, "num_res_blocks": 3, "learn_sigma": true,
    "diffusion_steps": 4000, "noise_schedule": "cosine"}; flags that are not given have the published scripts' defaults.
    Flags that ask for what this network cannot be are refused. Where a file holds several state dicts, averaged
    weights are taken.
    """
    from idm.core.errors import SettingsError
    from idm.tasks.imported import import_weights, imported_entry
    from idm.tasks.words import data_in_words, network_in_words, process_in_words

    if out is None or flags is None:
        missing = "--out: a folder for the run" if out is None else "--flags: a JSON file with the flags"
        raise SettingsError(f"{missing} wanted; see 'idm import --help'")
    run = import_weights(weights, flags, checked_folder(out))
    output, entry = Output(as_json=as_json), imported_entry(run)
    output.pairs(
        {
            "imported": weights,
            **({} if entry is None else {"found as": entry}),
            "network": network_in_words(run.experiment, run.network),
            "process": process_in_words(run.experiment, run.diffusion),
            "data": data_in_words(run.spec),
            "run": out,
        }
    )
    steps = ("--steps", FEW_STEPS) if run.diffusion.num_timesteps >= FEW_STEPS else ()
    output.next("sample", out, "--num", 4, "--sampler", "ddim", *steps)
    output.finish(run=out, checkpoint=run.name, entry=entry)
