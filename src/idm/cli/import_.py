"""``idm import``: published weights of improved-diffusion, as a run."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idm.cli.options import Json
from idm.cli.output import Output, checked_folder, command


def import_(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A .pt file of improved-diffusion.", show_default=False)
    ],
    flags: Annotated[
        Path | None,
        typer.Option("--flags", metavar="FLAGS", help="JSON file with the flags it was trained with."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="Folder of the run to write.")] = None,
    as_json: Json = False,
) -> None:
    """Turn published weights of improved-diffusion into a run that 'idm sample' understands.

    FLAGS is a JSON object such as {"image_size": 64, "num_channels": 128, "num_res_blocks": 3, "learn_sigma": true,
    "diffusion_steps": 4000, "noise_schedule": "cosine"}; flags that are not given have the published scripts' defaults.
    """
    from idm.cli.words import data_in_words, network_in_words, process_in_words
    from idm.core.errors import SettingsError
    from idm.experiment.imported import import_weights

    if out is None or flags is None:
        missing = "--out: a folder for the run" if out is None else "--flags: a JSON file with the flags"
        raise SettingsError(f"{missing} wanted; see 'idm import --help'")
    run = import_weights(weights, read_flags(flags), checked_folder(out))
    output = Output(as_json=as_json)
    output.pairs(
        {
            "imported": weights,
            "network": network_in_words(run.experiment, run.network),
            "process": process_in_words(run.experiment, run.diffusion),
            "data": data_in_words(run.spec),
            "run": out,
        }
    )
    output.line()
    output.line(f"Next: {command('idm', 'sample', out, '--num', 4, '--sampler', 'ddim', '--steps', 25)}")
    output.finish(run=out, checkpoint=run.path)


def read_flags(path: Path) -> dict[str, Any]:
    """Read flags from a JSON file.

    Raises:
        SettingsError: not a JSON object.
    """
    import json

    from idm.core.errors import SettingsError

    try:
        flags = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"--flags {path}: a JSON file wanted ({reason})") from error
    if not isinstance(flags, dict):
        raise SettingsError(f"--flags {path}: a JSON object with flags by name wanted, got {type(flags).__name__}")
    return flags
